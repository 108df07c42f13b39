//! Graph's paths: case does not count, and a key may stand in parentheses (`users('x')`, `applications(appId='x')`).

use percent_encoding::percent_decode_str;

/// A path, taken apart; the version is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// `v1.0` or `beta`.
    pub version: &'static str,
    /// The segments as written; a key in parentheses is a segment of its own.
    pub segments: Vec<String>,
}

/// Takes a raw path apart; nothing if it has no version of Graph.
pub fn parse(raw: &str) -> Option<Path> {
    let mut parts =
        raw.split('/').filter(|part| !part.is_empty()).map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
    let version = match parts.next()?.to_ascii_lowercase().as_str() {
        "v1.0" => "v1.0",
        "beta" => "beta",
        _ => return None,
    };
    let mut segments = Vec::new();
    for part in parts {
        let keyed = part.strip_suffix(')').and_then(|inner| inner.split_once('(')).filter(|(name, _)| !name.is_empty());
        match keyed {
            Some((name, key)) => {
                segments.push(name.to_owned());
                if !key.is_empty() {
                    segments.push(unquoted(key));
                }
            }
            None => segments.push(part),
        }
    }
    Some(Path { version, segments })
}

/// `'x'` is `x`, `appId='x'` is `appId=x`; a doubled quote stands for one.
fn unquoted(key: &str) -> String {
    let plain = |text: &str| {
        let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        inner.map_or_else(|| text.to_owned(), |inner| inner.replace("''", "'"))
    };
    match key.split_once('=').filter(|(name, _)| name.chars().all(|it| it.is_ascii_alphanumeric())) {
        Some((name, value)) => format!("{name}={}", plain(value)),
        None => plain(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_segments() {
        let segments = |raw: &str| parse(raw).map(|path| path.segments.join("|"));
        assert_eq!(segments("/v1.0/users/a%40b").as_deref(), Some("users|a@b"));
        assert_eq!(segments("/V1.0/users('$a')").as_deref(), Some("users|$a"));
        assert_eq!(segments("/beta/applications(appId='x')/owners/$ref").as_deref(), Some("applications|appId=x|owners|$ref"));
        assert_eq!(
            segments("/v1.0/groups/x/microsoft.graph.getMemberGroups()").as_deref(),
            Some("groups|x|microsoft.graph.getMemberGroups")
        );
        assert_eq!(segments("/v2.0/users"), None);
        assert_eq!(segments("/"), None);
    }
}
