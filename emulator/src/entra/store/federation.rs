//! Which issuers are known by their keys, and which applications trust them.

use std::collections::BTreeMap;

use parking_lot::RwLock;
use uuid::Uuid;

use super::FederatedCredential;

/// A public RSA key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKey {
    /// Its id, as tokens name it.
    pub kid: String,
    /// The modulus, big-endian.
    pub modulus: Vec<u8>,
    /// The exponent, big-endian.
    pub exponent: Vec<u8>,
}

/// Issuers and trusts.
#[derive(Debug, Default)]
pub struct Federation {
    issuers: RwLock<BTreeMap<String, Vec<IssuerKey>>>,
    /// By the object that trusts (an application or a managed identity's service principal) and the name in lower case.
    trusts: RwLock<BTreeMap<(Uuid, String), FederatedCredential>>,
}

impl Federation {
    /// Makes an issuer known: what its discovery document and its keys would say. An issuer is told by its exact text.
    pub fn put_issuer(&self, issuer: &str, keys: Vec<IssuerKey>) {
        self.issuers.write().insert(issuer.to_owned(), keys);
    }

    /// Forgets an issuer.
    pub fn remove_issuer(&self, issuer: &str) {
        self.issuers.write().remove(issuer);
    }

    /// The keys of an issuer; none if it cannot be reached.
    pub fn issuer_keys(&self, issuer: &str) -> Option<Vec<IssuerKey>> {
        self.issuers.read().get(issuer).cloned()
    }

    /// Puts a trust, new or changed.
    pub fn put(&self, owner: Uuid, credential: FederatedCredential) {
        self.trusts.write().insert((owner, credential.name.to_lowercase()), credential);
    }

    /// A trust by its name, in any case.
    pub fn get(&self, owner: Uuid, name: &str) -> Option<FederatedCredential> {
        self.trusts.read().get(&(owner, name.to_lowercase())).cloned()
    }

    /// Takes a trust away.
    pub fn remove(&self, owner: Uuid, name: &str) -> Option<FederatedCredential> {
        self.trusts.write().remove(&(owner, name.to_lowercase()))
    }

    /// Every trust of an object, by name.
    pub fn of(&self, owner: Uuid) -> Vec<FederatedCredential> {
        let trusts = self.trusts.read();
        let own = trusts.range((owner, String::new())..).take_while(|((other, _), _)| *other == owner);
        own.map(|(_, credential)| credential.clone()).collect()
    }

    /// Takes every trust of an object away and returns them.
    pub fn forget(&self, owner: Uuid) -> Vec<FederatedCredential> {
        let own = self.of(owner);
        for credential in &own {
            self.remove(owner, &credential.name);
        }
        own
    }
}
