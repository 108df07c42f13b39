//! How an action is matched by a role's pattern.
//!
//! Source: Azure RBAC's documentation (`*` stands for any run of characters, slashes included; case is ignored). Inferred from
//! the built-in roles: a lone `*` segment also matches no segment at all, since Managed Identity Operator holds only
//! `…/userAssignedIdentities/*/assign/action` and yet is what `…/userAssignedIdentities/assign/action` asks for.

/// Whether `pattern`, as a role writes it, covers `action`.
pub fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    glob(pattern.as_bytes(), action.as_bytes())
        || (pattern.contains("/*/") && glob(pattern.replace("/*/", "/").as_bytes(), action.as_bytes()))
}

/// Whether `text` is `pattern` with each `*` replaced by some run of bytes. Linear in space, no recursion.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut reached) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while reached < text.len() {
        if at < pattern.len() && pattern[at] == b'*' {
            star = Some((at, reached));
            at += 1;
        } else if at < pattern.len() && pattern[at] == text[reached] {
            at += 1;
            reached += 1;
        } else if let Some((star_at, star_reached)) = star {
            at = star_at + 1;
            reached = star_reached + 1;
            star = Some((star_at, reached));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
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
            ("Microsoft.X/read", "Microsoft.X/readMore", false),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} against {action}");
        }
    }
}
