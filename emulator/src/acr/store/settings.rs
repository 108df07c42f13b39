//! What the management plane can change about a registry.

use std::net::{IpAddr, Ipv4Addr};

use crate::kernel::secret::Secret;

/// What can be changed about a registry by its management plane, and matters to its data plane.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the admin user (its name is the registry's) may sign in.
    pub admin_enabled: bool,
    /// The two passwords of the admin user.
    pub admin_passwords: [Secret; 2],
    /// Whether anyone may pull.
    pub anonymous_pull: bool,
    /// Whether tokens for ARM's audience may be exchanged.
    pub authentication_as_arm: bool,
    /// Whether rights come from data actions on repositories (`AbacRepositoryPermissions`) instead of management actions.
    pub abac: bool,
    /// Whether the registry answers on its public address at all.
    pub public_network_access: bool,
    /// The addresses that may reach it, if not everyone may.
    pub allowed: Option<Vec<AddressRange>>,
    /// Whether Azure's own services reach it past these rules.
    pub bypass_azure_services: bool,
    /// Whether it has endpoints for its data in each of its regions.
    pub data_endpoints: bool,
    /// Whether it has endpoints in each of its regions.
    pub regional_endpoints: bool,
    /// Its regions.
    pub regions: Vec<String>,
    /// Whether its SKU is Premium, which may be called twice as often.
    pub premium: bool,
    /// Whether what is deleted can be restored for a while.
    pub soft_delete: bool,
    /// For how many days; it counts too for what was deleted before soft delete was switched off.
    pub soft_delete_days: i64,
    /// After how many days a manifest without a tag is deleted, if at all.
    pub untagged_days: Option<i64>,
    /// Whether nobody may pull what has not been found good.
    pub quarantine: bool,
}

/// IPv4 addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: u32,
    bits: u32,
}

impl AddressRange {
    /// Reads `10.0.0.1` or `10.0.0.0/24`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, bits.parse().ok().filter(|bits| *bits <= 32)?),
            None => (text, 32),
        };
        let address: Ipv4Addr = address.parse().ok()?;
        Some(Self { first: u32::from(address) & mask(bits), bits })
    }

    /// Whether an address lies in it. An IPv4 address in IPv6 form counts as what it is, and `::1` as 127.0.0.1.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) if address.is_loopback() => Ipv4Addr::LOCALHOST,
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => address,
                None => return false,
            },
        };
        u32::from(address) & mask(self.bits) == self.first
    }
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

impl Settings {
    /// Whether not everyone may reach the registry.
    pub fn is_restricted(&self) -> bool {
        !self.public_network_access || self.allowed.is_some()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            admin_enabled: false,
            admin_passwords: Default::default(),
            anonymous_pull: false,
            authentication_as_arm: true,
            abac: false,
            public_network_access: true,
            allowed: None,
            bypass_azure_services: true,
            data_endpoints: false,
            regional_endpoints: false,
            regions: Vec::new(),
            premium: false,
            soft_delete: false,
            soft_delete_days: 7,
            untagged_days: None,
            quarantine: false,
        }
    }
}
