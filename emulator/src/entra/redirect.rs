//! Where an application's answers may go: to its registered addresses alone. Source: Microsoft's "Redirect URI (reply URL)
//! restrictions": addresses are compared exactly, except that the port of a loopback address does not count.

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::store::{Application, first_party};

/// An address that is one of the application's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// As it was asked for.
    pub(super) uri: String,
    /// Whether it is a web application's, which must prove itself when it redeems a code.
    pub(super) confidential: bool,
}

/// The addresses of an application, with whether each is a web application's.
pub(super) fn registered(application: &Application) -> impl Iterator<Item = (String, bool)> {
    let of = |member: &str, confidential| application.texts(member).into_iter().map(move |uri| (uri, confidential));
    of("web/redirectUris", true)
        .chain(of("spa/redirectUris", false))
        .chain(of("publicClient/redirectUris", false))
        .collect::<Vec<_>>()
        .into_iter()
}

fn addresses(client: &Client) -> Vec<(String, bool)> {
    if let Some(known) = first_party(client.app_id) {
        return known.redirect_uris.iter().map(|uri| (uri.clone(), false)).collect();
    }
    client.application.as_ref().map(|application| registered(application).collect()).unwrap_or_default()
}

/// The address to answer to: the one that is asked for if it is registered, or the first that is.
pub(super) fn settle(client: &Client, asked: Option<&str>) -> Result<Address, Error> {
    let known = addresses(client);
    let Some(asked) = asked else {
        let (uri, confidential) = known.into_iter().next().ok_or_else(Error::redirect_uri_missing)?;
        return Ok(Address { uri, confidential });
    };
    let found = known.into_iter().find(|(uri, _)| same(uri, asked));
    found
        .map(|(_, confidential)| Address { uri: asked.to_owned(), confidential })
        .ok_or_else(|| Error::redirect_uri(asked, &client.id))
}

/// Whether an application gets tokens of this kind without a code.
pub(super) fn implicit(client: &Client, kind: &str) -> bool {
    let setting = if kind == "token" { "enableAccessTokenIssuance" } else { "enableIdTokenIssuance" };
    let web = client.application.as_ref().and_then(|application| application.members.get("web"));
    web.is_some_and(|web| web["implicitGrantSettings"][setting] == Value::Bool(true))
}

fn same(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return !asked.contains('#');
    }
    match (loopback(registered), loopback(asked)) {
        (Some((host, path)), Some((other_host, other_path))) => {
            // A bare registered address stands for its root.
            host == other_host && path.trim_end_matches('/') == other_path.trim_end_matches('/')
        }
        _ => false,
    }
}

/// Host and path of a loopback address; the port does not count.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let numeric = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    (matches!(host, "localhost" | "127.0.0.1") && numeric && !path.contains(['?', '#'])).then_some((host, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_a_loopback_address_does_not_count() {
        for (registered, asked, expected) in [
            ("http://localhost", "http://localhost:12345", true),
            ("http://localhost", "http://localhost:12345/", true),
            ("http://localhost/a", "http://localhost:1/a", true),
            ("http://localhost/a", "http://localhost:1/b", false),
            ("http://localhost", "http://127.0.0.1:1", false),
            ("http://localhost", "http://localhost:1@evil.example", false),
            ("http://localhost", "http://localhost.evil.example", false),
            ("http://localhost", "https://localhost:1", false),
            ("https://app.example/a", "https://app.example/a", true),
            ("https://app.example/a", "https://app.example:444/a", false),
            ("https://app.example/a", "https://app.example/A", false),
            ("https://app.example/a", "https://app.example/a?x=y", false),
        ] {
            assert_eq!(same(registered, asked), expected, "{registered} {asked}");
        }
    }
}
