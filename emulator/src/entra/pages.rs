//! The pages that people see: sign-in, a device's code, errors. Plain HTML forms, which a script can fill in as well as a person.
//!
//! They offer the users of the seed with a click each, since their passwords are known to everyone; any other user types a
//! password. The pages are azlet's own: Entra's are not for scripts.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::world::World;

/// A hidden or visible field of a form.
pub(super) type Field<'a> = (&'a str, &'a str);

/// Escapes a text for HTML, in an attribute too.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A page with a heading; `inner` is HTML.
pub(super) fn page(status: StatusCode, heading: &str, inner: &str) -> Response {
    let heading = escaped(heading);
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{heading}</title></head>\n<body>\n<h1>{heading}</h1>\n\
         {inner}\n</body></html>\n"
    );
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// A page that says what went wrong.
pub(super) fn problem(message: &str) -> Response {
    page(StatusCode::BAD_REQUEST, "Sorry, but we’re having trouble signing you in.", &format!("<p>{}</p>", escaped(message)))
}

fn hidden(fields: &[Field<'_>]) -> String {
    let input =
        |(name, value): &Field<'_>| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value));
    fields.iter().map(input).collect()
}

/// A form with the given hidden fields; `visible` is HTML.
pub(super) fn form(action: &str, fields: &[Field<'_>], visible: &str) -> String {
    format!("<form method=\"post\" action=\"{}\">{}{visible}</form>", escaped(action), hidden(fields))
}

/// The forms by which someone signs in: a click for each user of the seed, and one to type into.
pub(super) fn sign_in_forms(world: &World, action: &str, fields: &[Field<'_>], login_hint: &str) -> String {
    let mut html = String::new();
    for user in &world.seed.principals {
        let (Some(name), Some(password)) = (&user.user_principal_name, &user.password) else { continue };
        let mut all = fields.to_vec();
        all.extend([("username", name.as_str()), ("password", password.as_str())]);
        let button = format!("<button>Sign in as {}</button>", escaped(&format!("{} ({name})", user.display_name)));
        html.push_str(&form(action, &all, &button));
        html.push('\n');
    }
    let typed = format!(
        "<label>User <input name=\"username\" value=\"{}\"></label> <label>Password <input name=\"password\" type=\"password\"></label> \
         <button>Sign in</button>",
        escaped(login_hint)
    );
    html.push_str(&form(action, fields, &typed));
    html.push('\n');
    html.push_str(&form(action, fields, "<button name=\"decline\" value=\"yes\">Cancel</button>"));
    html
}

/// A page that posts itself to an application (OAuth 2.0 Form Post Response Mode).
pub(super) fn post_to(uri: &str, fields: &[Field<'_>]) -> Response {
    let inner = format!("{}<script>document.forms[0].submit()</script>", form(uri, fields, "<button>Continue</button>"));
    page(StatusCode::OK, "Working...", &inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_request_says_becomes_markup() {
        assert_eq!(escaped("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
        assert!(!form("x", &[("state", "\"><script>")], "").contains("<script>"));
    }
}
