//! Ranges of addresses, as networks are written: `10.0.0.0/16`, `fd12:3456:789a::/64`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first address, as a number.
    first: u128,
    /// How many bits are the network's.
    prefix: u8,
    /// How many bits an address has: 32 or 128.
    bits: u8,
}

impl Range {
    /// Reads a range; bits behind the prefix count as zero.
    pub fn read(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (number, bits) = number(address.parse().ok()?);
        let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= bits)?;
        Some(Self { first: number & !low_bits(bits - prefix), prefix, bits })
    }

    /// The last address, as a number.
    fn last(&self) -> u128 {
        self.first | low_bits(self.bits - self.prefix)
    }

    /// Whether it is of IPv6.
    pub fn is_v6(&self) -> bool {
        self.bits == 128
    }

    /// How many bits are the network's.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether two ranges have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.bits == other.bits && self.first <= other.last() && other.first <= self.last()
    }

    /// Where an address lies in it: nothing if outside.
    pub fn position(&self, address: IpAddr) -> Option<u128> {
        let (number, bits) = number(address);
        (bits == self.bits && (self.first..=self.last()).contains(&number)).then(|| number - self.first)
    }

    /// Whether a position is that of the last address.
    pub fn is_last(&self, position: u128) -> bool {
        self.first + position == self.last()
    }

    /// The address at a position, or the last one if there are fewer.
    pub fn address(&self, position: u128) -> IpAddr {
        let number = self.first.saturating_add(position).min(self.last());
        match u32::try_from(number) {
            Ok(number) if self.bits == 32 => Ipv4Addr::from(number).into(),
            _ => Ipv6Addr::from(number).into(),
        }
    }
}

fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

fn low_bits(count: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(128 - count)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::read(text).expect(text)
    }

    #[test]
    fn ranges_are_read_and_compared() {
        assert!(range("10.0.0.0/16").overlaps(&range("10.0.255.0/24")));
        assert!(range("0.0.0.0/0").overlaps(&range("10.0.255.0/24")));
        assert!(!range("10.0.0.0/16").overlaps(&range("10.1.0.0/16")));
        assert!(!range("10.0.0.0/16").overlaps(&range("::/0")));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/16", "a/16", "::/129", "10.0.0.0/-1"] {
            assert_eq!(Range::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_have_positions() {
        let network = range("10.2.0.0/24");
        assert_eq!(network.address(10).to_string(), "10.2.0.10");
        assert_eq!(network.position("10.2.0.255".parse().expect("an address")), Some(255));
        assert!(network.is_last(255) && !network.is_last(10));
        assert_eq!(network.position("10.3.0.1".parse().expect("an address")), None);
        assert_eq!(range("fd12:3456:789a:1::/108").address(10).to_string(), "fd12:3456:789a:1::a");
        assert_eq!(range("::/0").address(u128::MAX).to_string(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    }
}
