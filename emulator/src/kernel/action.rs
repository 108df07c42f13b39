//! How an action is matched by a role's pattern.
//!
//! Source: Azure RBAC's documentation (`*` stands for any run of characters, slashes included; case is ignored). Inferred from
//! the built-in roles: a lone `*` segment also matches no segment at all, since Managed Identity Operator holds only
//! `…/userAssignedIdentities/*/assign/action` and yet is what `…/userAssignedIdentities/assign/action` asks for.

/// Where a match can begin anew behind a `*` that has been passed.
#[derive(Clone, Copy)]
struct Star {
    /// The rest of the pattern.
    pattern: usize,
    /// Where that rest was last tried.
    text: usize,
    /// Whether the `*` was a whole segment, so that the rest begins behind a slash.
    segment: bool,
}

/// Whether `pattern`, as a role writes it, covers `action`. Allocates nothing: it is asked for each pattern of each role.
pub fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), action.as_bytes());
    let (mut at, mut reached) = (0, 0);
    let mut star: Option<Star> = None;
    loop {
        if at < pattern.len() && pattern[at] == b'*' {
            let segment = at > 0 && pattern[at - 1] == b'/' && pattern.get(at + 1) == Some(&b'/');
            at += if segment { 2 } else { 1 };
            star = Some(Star { pattern: at, text: reached, segment });
        } else if at < pattern.len() && reached < text.len() && pattern[at].eq_ignore_ascii_case(&text[reached]) {
            at += 1;
            reached += 1;
        } else if at == pattern.len() && reached == text.len() {
            return true;
        } else {
            let Some(next) = star.and_then(|star| star.next(text)) else { return false };
            (at, reached) = (next.pattern, next.text);
            star = Some(next);
        }
    }
}

impl Star {
    /// The next place where the rest of the pattern may begin.
    fn next(self, text: &[u8]) -> Option<Self> {
        let from = self.text + 1;
        if from > text.len() {
            return None;
        }
        let found = if self.segment {
            text[self.text..].iter().position(|byte| *byte == b'/').map(|by| self.text + by + 1)?
        } else {
            from
        };
        Some(Self { text: found, ..self })
    }
}

/// Whether a pattern is an action's full name, without any `*`.
pub fn is_exact(pattern: &str) -> bool {
    !pattern.contains('*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_documented() {
        for (pattern, action, expected) in [
            ("*/read", "Microsoft.ContainerRegistry/registries/pull/read", true),
            ("*/read", "Microsoft.ContainerRegistry/registries/listCredentials/action", false),
            ("Microsoft.Authorization/*/Write", "microsoft.authorization/roleassignments/write", true),
            ("Microsoft.ContainerRegistry/registries/*", "Microsoft.ContainerRegistry/registries/webhooks/ping/action", true),
            ("Microsoft.ContainerRegistry/registries/*", "Microsoft.ContainerRegistry/register/action", false),
            (
                "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                true,
            ),
            ("*", "anything/at/all", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("Microsoft.X/read", "Microsoft.X/readMore", false),
            ("Microsoft.X/re*d", "Microsoft.X/r/read", false),
            ("Microsoft.X/r*d", "Microsoft.X/r/read", true),
            ("X/*/read", "X/read", true),
            ("X/*/read", "X/a/b/read", true),
            ("X/*/read", "Xa/read", false),
            ("X/*/read", "X/aread", false),
            ("X/*/*/read", "X/read", true),
            ("X/*/y/*/read", "X/a/y/read", true),
            ("X/*/y/*/read", "X/a/yy/read", false),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} against {action}");
        }
    }
}
