//! Ranges of addresses: clusters and networks read the same ones, and agree on which overlap.
#![no_main]

use azlet::arm::texts::{ClusterRange, NetworkRange};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pair: (&str, &str)| {
    let network = [pair.0, pair.1].map(NetworkRange::parse);
    for (text, range) in [pair.0, pair.1].into_iter().zip(&network) {
        let Some(range) = range else { continue };
        assert_eq!(NetworkRange::parse(&range.to_string()).as_ref(), Some(range));
        let normal = range.normal();
        assert!(normal.is_normal() && normal.contains(range) && range.contains(&normal) && range.overlaps(range), "{text}");
        let cluster = ClusterRange::read(&range.to_string()).expect("clusters read what networks write");
        assert_eq!((cluster.is_v6(), cluster.prefix()), (!range.is_v4(), range.length()));
        assert_eq!(cluster.position(cluster.address(0)), Some(0));
        assert_eq!(cluster, ClusterRange::read(&normal.to_string()).expect("so do they its normal form"));
    }
    let cluster = [pair.0, pair.1].map(|text| ClusterRange::read(text.trim()));
    if let ([Some(a), Some(b)], [Some(c), Some(d)]) = (network, cluster) {
        assert_eq!(a.overlaps(&b), c.overlaps(&d));
        assert!(!a.contains(&b) || a.overlaps(&b));
    }
});
