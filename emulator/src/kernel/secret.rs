//! A text that proves who someone is: compared in constant time and never shown by a log.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// A password, a client secret, a code.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether `shown` is this secret. An empty secret is nobody's.
    pub fn is(&self, shown: &str) -> bool {
        // Digests have the same length, so that not even the length of the secret can be measured.
        let (ours, theirs) = (digest(&SHA256, self.0.as_bytes()), digest(&SHA256, shown.as_bytes()));
        !self.0.is_empty() && verify_slices_are_equal(ours.as_ref(), theirs.as_ref()).is_ok()
    }

    /// Its first three characters, by which people tell secrets apart.
    pub fn hint(&self) -> String {
        self.0.chars().take(3).collect()
    }

    /// The text itself, for the one answer that may show it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<secret>")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_itself_alone_and_is_never_printed() {
        let secret = Secret::new("abcdef");
        assert!(secret.is("abcdef"));
        assert!(!secret.is("abcde") && !secret.is("abcdeg") && !secret.is(""));
        assert!(!Secret::default().is(""));
        assert_eq!((format!("{secret:?}").as_str(), secret.hint().as_str()), ("<secret>", "abc"));
    }
}
