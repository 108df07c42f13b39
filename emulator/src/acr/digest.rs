//! Content digests: `sha256:…` and `sha512:…` in lower-case hexadecimal.
//! Source: OCI Image Specification 1.1, "Descriptors" (Digests).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{self, Algorithm, Context};

/// A digest in one of the two registered algorithms. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

impl Digest {
    /// Reads a digest; `None` if the algorithm is not registered or the hexadecimal part has another form or length.
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, encoded) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (encoded.len() == length && encoded.bytes().all(hexadecimal)).then(|| Self(text.into()))
    }

    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::finish(Context::new(&digest::SHA256), bytes)
    }

    /// The digest of `parts`, one after another, by the algorithm that this digest uses.
    pub fn same_algorithm_over<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = self.context();
        for part in parts {
            context.update(part);
        }
        Self::of_context(context)
    }

    /// What a running hash comes to.
    pub fn of_context(context: Context) -> Self {
        Self::finish(context, &[])
    }

    fn finish(mut context: Context, last: &[u8]) -> Self {
        context.update(last);
        let name = if context.algorithm() == &digest::SHA512 { "sha512:" } else { "sha256:" };
        let hash = context.finish();
        let mut text = String::with_capacity(name.len() + hash.as_ref().len() * 2);
        text.push_str(name);
        for byte in hash.as_ref() {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        Self(text.into())
    }

    /// A running hash by the algorithm that this digest uses.
    pub fn context(&self) -> Context {
        Context::new(self.algorithm())
    }

    fn algorithm(&self) -> &'static Algorithm {
        if self.is_sha256() { &digest::SHA256 } else { &digest::SHA512 }
    }

    /// Whether the algorithm is SHA-256, the one that uploads are hashed with unless another is known to be wanted.
    pub fn is_sha256(&self) -> bool {
        self.0.starts_with("sha256:")
    }

    /// The text, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_strictly() {
        let empty = Digest::sha256(b"");
        assert_eq!(empty.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::parse(empty.as_str()), Some(empty.clone()));
        for wrong in
            ["", "sha256", "sha256:", "sha256:e3b0", &empty.as_str().to_uppercase(), "md5:d41d8cd98f00b204e9800998ecf8427e"]
        {
            assert_eq!(Digest::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn parts_are_hashed_by_the_same_algorithm() {
        let long = Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("well formed");
        assert!(long.same_algorithm_over([]).as_str().starts_with("sha512:cf83e1357eefb8bd"));
        let whole = Digest::sha256(b"one two");
        assert_eq!(whole.same_algorithm_over([b"one".as_slice(), b" two"]), whole);
    }
}
