//! Ranges of addresses in CIDR notation.

use std::fmt;
use std::net::IpAddr;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    address: IpAddr,
    length: u8,
}

impl Range {
    /// Reads `10.0.0.0/24`; nothing if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.trim().split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok().filter(|_| length.bytes().all(|byte| byte.is_ascii_digit()))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (length <= most).then_some(Self { address, length })
    }

    /// Whether it is one of version 4.
    pub fn is_v4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// How many bits are fixed.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether every bit behind the fixed ones is zero.
    pub fn is_normal(&self) -> bool {
        *self == self.normal()
    }

    /// The same range, written with its first address.
    pub fn normal(&self) -> Self {
        let address = match self.address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(self.first()).unwrap_or_default().into()),
            IpAddr::V6(_) => IpAddr::V6(self.first().into()),
        };
        Self { address, ..*self }
    }

    fn bits(&self) -> (u128, u32) {
        match self.address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        }
    }

    /// How many addresses it has beyond the first.
    fn rest(&self) -> u128 {
        let (_, width) = self.bits();
        u128::MAX.checked_shr(128 - (width - u32::from(self.length))).unwrap_or(0)
    }

    fn first(&self) -> u128 {
        self.bits().0 & !self.rest()
    }

    fn last(&self) -> u128 {
        self.first() | self.rest()
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_v4() == other.is_v4() && self.first() <= other.last() && other.first() <= self.last()
    }

    /// Whether all of the other lies in this one.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_v4() == other.is_v4() && self.first() <= other.first() && other.last() <= self.last()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).expect(text)
    }

    #[test]
    fn ranges_are_read_and_compared() {
        for wrong in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "::/129", "a/8"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
        assert!(range("10.0.0.0/8").contains(&range("10.1.2.0/24")));
        assert!(!range("10.0.0.0/16").contains(&range("10.1.0.0/24")));
        assert!(range("0.0.0.0/0").contains(&range("255.255.255.255/32")));
        assert!(range("::/0").contains(&range("fd00::/64")));
        assert!(range("10.0.1.0/24").overlaps(&range("10.0.1.128/25")));
        assert!(!range("10.0.1.0/24").overlaps(&range("10.0.2.0/24")));
        assert!(!range("0.0.0.0/0").overlaps(&range("::/0")));
        assert_eq!(range("10.0.3.5/24").normal().to_string(), "10.0.3.0/24");
        assert!(range("10.0.3.0/24").is_normal() && range("1.2.3.4/32").is_normal());
    }
}
