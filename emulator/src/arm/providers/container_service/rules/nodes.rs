//! The kubelet's and the system's settings of a pool's nodes, and how its upgrades go. Sources: AKS' REST reference and its page on node
//! configuration (values and bounds), its list of error codes; the texts are inferred.

use serde_json::{Map, Value};

use super::super::errors;
use super::{number, object, refuse, text};
use crate::arm::error::Error;

/// The settings as they were sent.
pub(super) fn check(pool: &Map<String, Value>) -> Result<(), Error> {
    if let Some(config) = object(pool, "kubeletConfig") {
        kubelet(config)?;
    }
    if let Some(config) = object(pool, "linuxOSConfig") {
        linux(config)?;
        let swap = number(config, "swapFileSizeMB").is_some_and(|size| size > 0);
        let fails = object(pool, "kubeletConfig").and_then(|kubelet| kubelet.get("failSwapOn")) != Some(&Value::Bool(false));
        if swap && fails {
            let message = "failSwapOn must be set to false in the kubelet config to use a swap file.";
            return Err(refuse("InvalidCustomLinuxOSConfig", "agentPoolProfile.linuxOSConfig.swapFileSizeMB", message));
        }
    }
    match object(pool, "upgradeSettings") {
        Some(settings) => upgrades(settings),
        None => Ok(()),
    }
}

fn one_of(config: &Map<String, Value>, member: &str, allowed: &[&str]) -> Result<(), String> {
    let said = text(config, member);
    if said.is_empty() || allowed.contains(&said) {
        return Ok(());
    }
    Err(format!("{member} {said} is invalid. It must be one of {}.", allowed.join(", ")))
}

fn within(config: &Map<String, Value>, member: &str, least: i64, most: i64) -> Result<(), String> {
    match number(config, member) {
        Some(value) if !(least..=most).contains(&value) => {
            Err(format!("{member} {value} is invalid. It must be between {least} and {most}."))
        }
        _ => Ok(()),
    }
}

fn kubelet(config: &Map<String, Value>) -> Result<(), Error> {
    let wrong = |message: String| refuse("InvalidCustomKubeletConfig", "agentPoolProfile.kubeletConfig", message);
    one_of(config, "cpuManagerPolicy", &["none", "static"]).map_err(wrong)?;
    one_of(config, "topologyManagerPolicy", &["none", "best-effort", "restricted", "single-numa-node"]).map_err(wrong)?;
    within(config, "imageGcHighThreshold", 0, 100).map_err(wrong)?;
    within(config, "imageGcLowThreshold", 0, 100).map_err(wrong)?;
    within(config, "containerLogMaxFiles", 2, i64::from(i32::MAX)).map_err(wrong)?;
    let (high, low) = (number(config, "imageGcHighThreshold").unwrap_or(85), number(config, "imageGcLowThreshold").unwrap_or(80));
    if low >= high {
        return Err(wrong(format!("imageGcLowThreshold {low} must be lower than imageGcHighThreshold {high}.")));
    }
    Ok(())
}

fn linux(config: &Map<String, Value>) -> Result<(), Error> {
    let wrong = |message: String| refuse("InvalidCustomLinuxOSConfig", "agentPoolProfile.linuxOSConfig", message);
    one_of(config, "transparentHugePageEnabled", &["always", "madvise", "never"]).map_err(wrong)?;
    one_of(config, "transparentHugePageDefrag", &["always", "defer", "defer+madvise", "madvise", "never"]).map_err(wrong)?;
    let Some(sysctls) = object(config, "sysctls") else { return Ok(()) };
    for (member, least, most) in [
        ("fsAioMaxNr", 65_536, 6_553_500),
        ("fsFileMax", 8192, 9_223_372_036_854_775_807),
        ("fsInotifyMaxUserWatches", 781_250, 2_097_152),
        ("fsNrOpen", 8192, 20_000_500),
        ("kernelThreadsMax", 20, 513_785),
        ("netCoreNetdevMaxBacklog", 1000, 3_240_000),
        ("netCoreOptmemMax", 20_480, 4_194_304),
        ("netCoreSomaxconn", 4096, 3_240_000),
        ("netIpv4TcpFinTimeout", 5, 120),
        ("netIpv4TcpKeepaliveProbes", 1, 15),
        ("netIpv4TcpKeepaliveTime", 30, 432_000),
        ("netIpv4TcpkeepaliveIntvl", 10, 90),
        ("netIpv4TcpMaxSynBacklog", 128, 3_240_000),
        ("netIpv4TcpMaxTwBuckets", 8000, 1_440_000),
        ("netNetfilterNfConntrackBuckets", 65_536, 524_288),
        ("netNetfilterNfConntrackMax", 131_072, 2_097_152),
        ("vmMaxMapCount", 65_530, 262_144),
        ("vmSwappiness", 0, 100),
        ("vmVfsCachePressure", 1, 100),
    ] {
        within(sysctls, member, least, most).map_err(wrong)?;
    }
    Ok(())
}

/// Surge as a number or a share; times within their bounds.
fn upgrades(settings: &Map<String, Value>) -> Result<(), Error> {
    for member in ["maxSurge", "maxUnavailable"] {
        let said = text(settings, member);
        let count = said.strip_suffix('%').unwrap_or(said);
        let share = said.ends_with('%');
        let fits = count.parse::<u32>().is_ok_and(|count| !share || count <= 100);
        if !said.is_empty() && !fits {
            let details = format!("{said} is neither a whole number nor a percentage");
            return Err(errors::invalid_value(&format!("agentPoolProfile.upgradeSettings.{member}"), &details));
        }
    }
    for (member, least, most) in [("drainTimeoutInMinutes", 0, 1440), ("nodeSoakDurationInMinutes", 0, 30)] {
        within(settings, member, least, most).map_err(|message| {
            errors::invalid_value(&format!("agentPoolProfile.upgradeSettings.{member}"), message.trim_end_matches('.'))
        })?;
    }
    Ok(())
}
