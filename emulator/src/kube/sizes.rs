//! Sizes of virtual machines by their names: `Standard_D4-2s_v5` is of series D, has four cores, two of them in use. What a series offers
//! is in `fixtures/kubernetes/vm-sizes.json`. Source: Azure's naming of sizes and its pages of series; how much of a machine's memory Linux
//! finds is drawn through the sizes whose nodes have been shown in public, and inferred for the others.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
struct Data {
    /// Every series that there is: GiB of memory for each core.
    series: BTreeMap<String, f64>,
    /// Sizes whose number is not that of their cores, or whose memory is not their series': cores and GiB.
    listed: BTreeMap<String, (u32, f64)>,
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/kubernetes/vm-sizes.json"))
        .expect("fixtures/kubernetes/vm-sizes.json is JSON: a test reads it")
});

/// What a machine of a size offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Cores.
    pub cores: u32,
    /// Memory as Linux finds it, in KiB.
    pub memory: u64,
}

/// What a machine of this size offers; nothing if it is no size's name, or of a series that there is not.
pub fn offer(size: &str) -> Option<Offer> {
    let name = size.to_ascii_lowercase();
    let rest = name.strip_prefix("standard_").or_else(|| name.strip_prefix("basic_"))?;
    let rest = rest.strip_suffix("_promo").unwrap_or(rest);
    let (series, number) = split(rest, |each| each.is_ascii_alphabetic());
    let ratio = *DATA.series.get(series)?;
    let (all, features) = split(number, |each| each.is_ascii_digit());
    let all: u32 = all.parse().ok()?;
    let used = match features.strip_prefix('-') {
        Some(constrained) => split(constrained, |each| each.is_ascii_digit()).0.parse().ok()?,
        None => all,
    };
    let known = features.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !known || used == 0 || used > all {
        return None;
    }
    // Half of the memory is an `l` in the features of a size of the series D.
    let ratio = if series == "d" && features.split('_').next().is_some_and(|features| features.contains('l')) {
        ratio / 2.0
    } else {
        ratio
    };
    let (cores, gib) = DATA.listed.get(rest).copied().unwrap_or((used, f64::from(all) * ratio));
    Some(Offer { cores, memory: memory(gib) })
}

fn split(text: &str, inside: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|each| !inside(each)).unwrap_or(text.len()))
}

/// What the system leaves of so many GiB, in KiB.
fn memory(gib: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a machine's memory is a positive number far below 2^52"
    )]
    let found = (gib * 1_048_576.0 - (84_612.0 + 19_836.0 * gib).min(gib * 100_000.0)) as u64;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sizes_are_read() {
        let gib = |size: &str| offer(size).map(|offer| (offer.cores, offer.memory.div_ceil(1_048_576)));
        for (size, expected) in [
            ("Standard_DS2_v2", (2, 7)),
            ("standard_d4ps_v5", (4, 16)),
            ("Standard_D8s_v5", (8, 32)),
            ("Standard_D4ls_v5", (4, 8)),
            // Of a large machine the system keeps more than a GiB.
            ("Standard_E8-4as_v5", (4, 63)),
            ("Standard_F4s_v2", (4, 8)),
            ("Standard_B2s", (2, 4)),
            ("Standard_D2_v2_Promo", (2, 7)),
            ("Standard_NC4as_T4_v3", (4, 28)),
        ] {
            assert_eq!(gib(size), Some(expected), "{size}");
        }
        for wrong in [
            "",
            "huge",
            "Standard_",
            "Standard_D",
            "Standard_Q2s_v5",
            "D2s_v3",
            "Standard_D2 s",
            "Standard_E4-8s_v5",
            "Standard_D0s_v5",
        ] {
            assert_eq!(offer(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_fault(size in "(Standard_)?\\PC{0,24}") {
            let _ = offer(&size);
        }
    }
}
