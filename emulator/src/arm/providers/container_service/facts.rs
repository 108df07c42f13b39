//! What the service decides about a cluster: its version, its names, its addresses. An update finds it decided.

use serde_json::{Map, Value};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::store::Resource;
use super::body::Facts;
use super::{errors, validate, versions};
use crate::kernel::ids::{HEX, LOWER_ALPHANUMERIC};
use crate::kernel::resource_id::ResourceId;

/// Whether a SKU is the Automatic one.
pub(super) fn is_automatic(sku: &Value) -> bool {
    sku["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("Automatic"))
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The version as asked for and the patch that it stands for.
pub(super) fn version(cluster: &str, sent: &Map<String, Value>, earlier: &Map<String, Value>) -> Result<(String, String), Error> {
    let (had, current) = (text(earlier, "kubernetesVersion"), text(earlier, "currentKubernetesVersion"));
    let asked = text(sent, "kubernetesVersion").or(had).unwrap_or(versions::default_version());
    if let (Some(current), true) = (current, Some(asked) == had) {
        return Ok((asked.to_owned(), current.to_owned()));
    }
    let resolved = validate::version(cluster, asked)?;
    match current {
        Some(current) if !versions::can_become(current, &resolved) => Err(errors::upgrade_not_allowed(current, &resolved)),
        _ => Ok((asked.to_owned(), resolved)),
    }
}

/// Everything that is decided.
#[expect(clippy::too_many_arguments, reason = "each is another part of the request, and all are needed")]
pub(super) fn settle(
    request: &Request<'_>,
    id: &ResourceId,
    sent: &Map<String, Value>,
    earlier: &Map<String, Value>,
    location: &str,
    version: (String, String),
    sku: &Value,
    before: Option<&Resource>,
) -> Result<Facts, Error> {
    let prefix = text(sent, "dnsPrefix").or(text(earlier, "dnsPrefix")).or(text(sent, "fqdnSubdomain"));
    let prefix = prefix.or(text(earlier, "fqdnSubdomain")).ok_or_else(|| errors::invalid_parameter("properties.dnsPrefix"))?;
    validate::dns_prefix(prefix)?;
    let ids = &request.world.ids;
    let group = id.group().unwrap_or_default();
    let default_group = || format!("MC_{group}_{}_{location}", id.name()).chars().take(80).collect();
    let label = |of: &str| format!("{prefix}-{}", ids.named_text(&format!("{of} of {}", id.key()), 8, LOWER_ALPHANUMERIC));
    let made = || format!("{}.hcp.{location}.azmk8s.io", label("host")).to_lowercase();
    let fqdn = text(earlier, "fqdn").map_or_else(made, str::to_owned);
    let node_resource_group =
        text(earlier, "nodeResourceGroup").or(text(sent, "nodeResourceGroup")).map_or_else(default_group, str::to_owned);
    let subscription = id.subscription().unwrap_or_default();
    let private_fqdn = private_name(request, id, sent, earlier, location, &fqdn, &label("private host"));
    let portal_fqdn = match &private_fqdn {
        Some(_) => {
            format!("{}-priv.portal.hcp.{location}.azmk8s.io", ids.named_text(&format!("portal of {}", id.key()), 32, HEX))
        }
        None => fqdn.replacen(".hcp.", ".portal.hcp.", 1),
    };
    let tenant = request.world.directory.tenant.id;
    let asked = request.body.get("identity").filter(|identity| identity.is_object());
    let identity = asked.or_else(|| before?.identity.as_ref()).and_then(|identity| identity["type"].as_str()).unwrap_or("None");
    Ok(Facts {
        fqdn,
        portal_fqdn,
        private_fqdn,
        version,
        resource_uid: text(earlier, "resourceUID").map_or_else(|| ids.text(24, HEX), str::to_owned),
        outbound: (
            format!(
                "/subscriptions/{subscription}/resourceGroups/{node_resource_group}/providers/Microsoft.Network/publicIPAddresses"
            ),
            ids.named(&format!("outbound address of {}", id.key())),
        ),
        issuer: format!("https://{location}.oic.prod-aks.azure.com/{tenant}/{}/", ids.named(&format!("issuer of {}", id.key()))),
        tenant,
        api_version: request.version.clone(),
        automatic: is_automatic(sku),
        managed_identity: !identity.eq_ignore_ascii_case("None"),
        node_resource_group,
    })
}

/// The name inside the network: in the private zone that AKS makes or the caller has, or the public one if there is no zone.
fn private_name(
    request: &Request<'_>,
    id: &ResourceId,
    sent: &Map<String, Value>,
    earlier: &Map<String, Value>,
    location: &str,
    fqdn: &str,
    label: &str,
) -> Option<String> {
    if let Some(known) = text(earlier, "privateFQDN") {
        return Some(known.to_owned());
    }
    let access = |member: &str| {
        let of =
            |members: &Map<String, Value>| members.get("apiServerAccessProfile").and_then(|access| access.get(member)).cloned();
        of(sent).or_else(|| of(earlier))
    };
    if access("enablePrivateCluster") != Some(Value::Bool(true)) {
        return None;
    }
    let zone = access("privateDNSZone").and_then(|zone| zone.as_str().map(str::to_owned)).unwrap_or_default();
    let subdomain = text(sent, "fqdnSubdomain").unwrap_or(label);
    Some(match zone.to_lowercase().as_str() {
        "none" => fqdn.to_owned(),
        "" | "system" => {
            let made = request.world.ids.named(&format!("private zone of {}", id.key()));
            format!("{label}.{made}.privatelink.{location}.azmk8s.io").to_lowercase()
        }
        _ => format!("{subdomain}.{}", zone.rsplit('/').next().unwrap_or_default()).to_lowercase(),
    })
}
