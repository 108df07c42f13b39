//! The only source of identifiers. All are derived from a seed, so that the same scenario gives the same identifiers twice;
//! `clippy.toml` forbids every other source of chance.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A counter hashed with a seed.
#[derive(Debug)]
pub struct Ids {
    seed: Uuid,
    counter: AtomicU64,
    traces: AtomicU64,
}

/// Letters and digits in which Kubernetes writes generated suffixes (apimachinery's `rand.String`: no vowels, no 0, 1, 3).
pub const KUBERNETES_SUFFIX: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Lower-case letters and digits.
pub const LOWER_ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Letters and digits.
pub const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Hexadecimal digits.
pub const HEX: &[u8] = b"0123456789abcdef";

impl Ids {
    /// Identifiers derived from `seed`.
    pub fn new(seed: &str) -> Self {
        Self { seed: Uuid::new_v5(&Uuid::NAMESPACE_OID, seed.as_bytes()), counter: AtomicU64::new(0), traces: AtomicU64::new(0) }
    }

    /// The same sequence from its beginning.
    pub fn restarted(&self) -> Self {
        Self { seed: self.seed, counter: AtomicU64::new(0), traces: AtomicU64::new(0) }
    }

    /// The next identifier of the sequence.
    pub fn uuid(&self) -> Uuid {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v5(&self.seed, &number.to_be_bytes())
    }

    /// The next identifier of a request. A sequence of its own, so that what is made does not depend on how often was asked; mixed
    /// instead of hashed, since every answer takes several.
    pub fn trace(&self) -> Uuid {
        let number = self.traces.fetch_add(1, Ordering::Relaxed);
        let (high, low) = self.seed.as_u64_pair();
        let mixed = (u128::from(mix(high ^ number)) << 64) | u128::from(mix(low.wrapping_add(number)));
        uuid::Builder::from_u128(mixed).with_variant(uuid::Variant::RFC4122).with_version(uuid::Version::Random).into_uuid()
    }

    /// The identifier that belongs to a name, always the same one.
    pub fn named(&self, name: &str) -> Uuid {
        Uuid::new_v5(&self.seed, name.as_bytes())
    }

    /// The next `length` characters out of `alphabet`.
    pub fn text(&self, length: usize, alphabet: &[u8]) -> String {
        spell(length, alphabet, || self.uuid())
    }

    /// The `length` characters out of `alphabet` that belong to a name.
    pub fn named_text(&self, name: &str, length: usize, alphabet: &[u8]) -> String {
        let mut round = 0;
        spell(length, alphabet, || {
            round += 1;
            self.named(&format!("{name}#{round}"))
        })
    }
}

/// The finalizer of SplitMix64: a bijection that spreads every bit.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn spell(length: usize, alphabet: &[u8], mut more: impl FnMut() -> Uuid) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Bytes 6 and 8 of a UUID hold its version and variant and are not evenly spread.
        let bytes = more().into_bytes();
        for (position, byte) in bytes.into_iter().enumerate() {
            if text.len() < length && position != 6 && position != 8 {
                text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let (one, two) = (Ids::new("seed"), Ids::new("seed"));
        assert_eq!(one.uuid(), two.uuid());
        assert_eq!(one.text(5, KUBERNETES_SUFFIX), two.text(5, KUBERNETES_SUFFIX));
        assert_eq!(one.named("a"), two.named("a"));
        assert_ne!(one.named("a"), one.named("b"));
        assert_ne!(one.uuid(), Ids::new("other").uuid());
        assert_eq!(one.text(40, HEX).len(), 40);
        let (before, trace) = (two.uuid(), two.trace());
        assert_eq!(trace, one.trace());
        assert_ne!(trace, one.trace());
        assert_ne!(before, trace);
        assert_eq!(trace.get_version_num(), 4);
    }
}
