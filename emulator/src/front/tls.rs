//! The certificate authority and the certificates that it mints, one per host name, at the first handshake that asks for it.
//!
//! A leaf carries the authority key identifier and is valid for less than 825 days, without which some clients refuse it.

use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::{default_provider, sign::any_ecdsa_type};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::hosts;
use crate::kernel::clock::wall_now;
use crate::world::Universe;

const AUTHORITY_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 397;

/// The emulator's own certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    leaf_key: KeyPair,
    minted: DashMap<String, Arc<CertifiedKey>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").field("minted", &self.minted.len()).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority with a key of its own.
    pub fn generate() -> Self {
        let key = new_key();
        let mut params = CertificateParams::default();
        params.distinguished_name = name("azlet certificate authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        set_validity(&mut params, AUTHORITY_DAYS);
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters of the authority are complete");
        Self { issuer, leaf_key: new_key(), minted: DashMap::new() }
    }

    /// The authority's certificate, PEM.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// How connections are to be answered: any host that is served gets a certificate, any other an alert. HTTP/2 is spoken if it
    /// is offered and `http2` says so.
    pub(super) fn server_config(self: &Arc<Self>, universe: &Arc<Universe>, http2: bool) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(BySni(self.clone(), universe.clone())));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        Arc::new(config)
    }

    fn certificate_for(&self, host: &str) -> Arc<CertifiedKey> {
        self.minted.entry(host.to_owned()).or_insert_with(|| Arc::new(self.mint(host))).clone()
    }

    fn mint(&self, host: &str) -> CertifiedKey {
        let mut params = CertificateParams::new([host.to_owned()]).expect("a served host is a DNS name or an address");
        params.distinguished_name = name(host);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        set_validity(&mut params, LEAF_DAYS);
        let certificate = params.signed_by(&self.leaf_key, &self.issuer).expect("the authority signs leaves");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let key = any_ecdsa_type(&key).expect("the leaf key is an ECDSA key");
        CertifiedKey::new(vec![certificate.der().clone(), self.issuer.der().clone()], key)
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("the crypto library makes P-256 keys")
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "azlet");
    // X.520 bounds a common name at 64 characters; the subject alternative name has the whole.
    name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
    name
}

/// From yesterday, in the wall clock's time, by which clients judge.
fn set_validity(params: &mut CertificateParams, days: i64) {
    let date = |at: Timestamp| {
        let at = jiff::tz::TimeZone::UTC.to_datetime(at);
        rcgen::date_time_ymd(i32::from(at.year()), at.month().unsigned_abs(), at.day().unsigned_abs())
    };
    let now = wall_now();
    params.not_before = date(now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now));
    params.not_after = date(now.saturating_add(SignedDuration::from_hours(24 * (days - 1))).unwrap_or(now));
}

#[derive(Debug)]
struct BySni(Arc<Authority>, Arc<Universe>);

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Clients send no SNI for an address; those that dial one mean this machine or the metadata service.
        let host = hello.server_name().map_or_else(|| "127.0.0.1".to_owned(), str::to_ascii_lowercase);
        hosts::plane_in(&self.1.world(), &host).map(|_| self.0.certificate_for(&host))
    }
}
