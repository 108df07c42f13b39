//! The administrator of Windows nodes. Sources: AKS' REST reference (lengths, reserved names, what a password needs) and its list of error
//! codes; the texts are inferred.

use serde_json::{Map, Value};

use super::{object, refuse, text};
use crate::arm::error::Error;

/// Names that Windows keeps for itself.
const RESERVED_NAMES: [&str; 24] = [
    "administrator",
    "admin",
    "user",
    "user1",
    "test",
    "user2",
    "test1",
    "user3",
    "admin1",
    "1",
    "123",
    "a",
    "actuser",
    "adm",
    "admin2",
    "aspnet",
    "backup",
    "console",
    "david",
    "guest",
    "john",
    "owner",
    "root",
    "server",
];

/// Passwords that everybody tries first.
const KNOWN_PASSWORDS: [&str; 10] = [
    "abc@123",
    "P@$$w0rd",
    "P@ssw0rd",
    "P@ssword123",
    "Pa$$word",
    "pass@word1",
    "Password!",
    "Password1",
    "Password22",
    "iloveyou!",
];

/// The profile as it was sent.
pub(super) fn check(sent: &Map<String, Value>) -> Result<(), Error> {
    let Some(profile) = object(sent, "windowsProfile") else { return Ok(()) };
    let name = text(profile, "adminUsername");
    if name.ends_with('.') || name.chars().count() > 20 || RESERVED_NAMES.contains(&name.to_lowercase().as_str()) {
        let message = format!(
            "The Windows admin username {name} is invalid: it must have at most 20 characters, must not end with a period and must not be a reserved name."
        );
        return Err(refuse("WindowsProfileUsernameInvalid", "windowsProfile.adminUsername", message));
    }
    match profile.get("adminPassword").and_then(Value::as_str).filter(|password| !password.is_empty()) {
        Some(password) if !is_strong(password) => {
            let message = "The Windows admin password is invalid: it must have 8 to 123 characters and three of a lower-case letter, an upper-case letter, a digit and a special character.";
            Err(refuse("WindowsProfilePasswordInvalid", "windowsProfile.adminPassword", message))
        }
        _ => Ok(()),
    }
}

fn is_strong(password: &str) -> bool {
    let has = |kind: fn(char) -> bool| usize::from(password.chars().any(kind));
    let special = |each: char| !each.is_alphanumeric();
    let kinds = has(char::is_lowercase)
        + has(char::is_uppercase)
        + has(|each| each.is_ascii_digit())
        + usize::from(password.chars().any(special));
    (8..=123).contains(&password.chars().count()) && kinds >= 3 && !KNOWN_PASSWORDS.contains(&password)
}
