//! The signing key of the emulated world, and JSON Web Tokens (RFC 7519) signed and verified with it by RS256.
//!
//! Times in a token are judged by whoever reads it, with the world's clock. A signature is verified once per token: what was
//! found is remembered for the last [`REMEMBERED`] tokens, by their hash. A signature cannot become wrong, so nothing is ever
//! forgotten for another reason than room.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use serde_json::Value;

/// How many tokens are remembered at most.
const REMEMBERED: usize = 1024;

/// SHA-256.
type Hash = [u8; 32];

/// An RSA key that is made once, on first use or ahead of it by [`SigningKey::prepare`]: making one takes 20 to 200 ms.
#[derive(Debug, Default)]
pub struct SigningKey {
    made: OnceLock<Made>,
    verified: RwLock<Memory>,
}

/// Claims of tokens whose signature was found to be ours, and in which order they came.
#[derive(Debug, Default)]
struct Memory {
    claims: HashMap<Hash, Arc<Value>>,
    order: VecDeque<Hash>,
}

impl Memory {
    fn put(&mut self, hash: Hash, claims: Arc<Value>) {
        if self.claims.insert(hash, claims).is_some() {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.claims.remove(&oldest);
        }
    }
}

#[derive(Debug)]
struct Made {
    pair: KeyPair,
    pkcs8: Vec<u8>,
    modulus: Vec<u8>,
    thumbprint: String,
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// It is not three base64url parts with JSON in the first two.
    #[error("the token is not a JSON Web Token")]
    Malformed,
    /// Its signature is not one of ours, or its algorithm is not RS256.
    #[error("the token was not signed by this authority")]
    Signature,
}

impl SigningKey {
    /// Makes the key now, unless it has been made.
    pub fn prepare(&self) {
        self.made();
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(|| {
            let pair = KeyPair::generate(KeySize::Rsa2048).expect("the crypto library makes RSA keys");
            let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
            let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().expect("a key that was just made has an encoding");
            let pkcs8 = pkcs8.as_ref().to_vec();
            let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &modulus));
            Made { pair, pkcs8, modulus, thumbprint }
        })
    }

    /// The private key as PKCS#8 DER.
    pub fn pkcs8(&self) -> &[u8] {
        &self.made().pkcs8
    }

    /// The modulus, base64url; the exponent is 65537, `AQAB`.
    pub fn modulus(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.made().modulus)
    }

    /// The public key in its PKCS#1 form.
    pub fn pkcs1(&self) -> Vec<u8> {
        self.made().pair.public_key().as_ref().to_vec()
    }

    /// The key's identifier: 27 characters, as Entra writes its `kid`.
    pub fn thumbprint(&self) -> &str {
        &self.made().thumbprint
    }

    /// Signs `claims` under `header`, whose `alg` must say RS256.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let pair = &self.made().pair;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("an RSA key of 2048 bits signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that was signed with this key.
    pub fn verify(&self, token: &str) -> Result<Arc<Value>, Unacceptable> {
        let mut hash = Hash::default();
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(claims) = self.verified.read().claims.get(&hash) {
            return Ok(claims.clone());
        }
        let claims = Arc::new(self.verify_signature(token)?);
        self.verified.write().put(hash, claims.clone());
        Ok(claims)
    }

    fn verify_signature(&self, token: &str) -> Result<Value, Unacceptable> {
        let parsed = parse(token)?;
        let ours = parsed.header["alg"] == "RS256" && parsed.is_signed_by_pkcs1(self.made().pair.public_key().as_ref());
        ours.then_some(parsed.claims).ok_or(Unacceptable::Signature)
    }
}

/// A token taken apart, not verified.
#[derive(Clone, Debug)]
pub struct Parsed<'a> {
    /// How it was signed.
    pub header: Value,
    /// What it says.
    pub claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

/// Takes a token apart.
pub fn parse(token: &str) -> Result<Parsed<'_>, Unacceptable> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Unacceptable::Malformed)?;
    let (header, claims) = signed.split_once('.').filter(|(_, rest)| !rest.contains('.')).ok_or(Unacceptable::Malformed)?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Unacceptable::Malformed);
    let json =
        |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).ok().filter(Value::is_object).ok_or(Unacceptable::Malformed);
    Ok(Parsed { header: json(header)?, claims: json(claims)?, signed, signature: bytes(signature)? })
}

impl Parsed<'_> {
    /// Whether the key with this modulus and exponent signed it, by RS256 or PS256.
    pub fn is_signed_by(&self, modulus: &[u8], exponent: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: modulus, e: exponent };
        let (signed, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        let verified = match self.header["alg"].as_str() {
            Some("RS256") => key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature),
            Some("PS256") => key.verify(&RSA_PSS_2048_8192_SHA256, signed, signature),
            _ => return false,
        };
        verified.is_ok()
    }

    /// As [`Parsed::is_signed_by`], with a key in its PKCS#1 form as certificates hold it.
    pub fn is_signed_by_pkcs1(&self, key: &[u8]) -> bool {
        let verified = match self.header["alg"].as_str() {
            Some("RS256") => {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(self.signed.as_bytes(), &self.signature)
            }
            Some("PS256") => {
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).verify(self.signed.as_bytes(), &self.signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_this_key_signed_is_accepted() {
        let (ours, theirs) = (SigningKey::default(), SigningKey::default());
        let header = json!({ "typ": "JWT", "alg": "RS256" });
        let token = ours.sign(&header, &json!({ "sub": "me" }));
        for _ in 0..2 {
            assert_eq!(ours.verify(&token), Ok(Arc::new(json!({ "sub": "me" }))), "verified and then remembered");
        }
        assert_eq!(ours.verify(&format!("{token}x")), Err(Unacceptable::Malformed), "another token has another hash");
        assert_eq!(theirs.verify(&token), Err(Unacceptable::Signature));
        let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&json!({ "sub": "me" })));
        assert_eq!(ours.verify(&unsigned), Err(Unacceptable::Signature));
        for garbage in ["", "a", "a.b.c", "....", "e30.e30"] {
            assert_eq!(ours.verify(garbage), Err(Unacceptable::Malformed), "{garbage:?}");
        }
    }

    #[test]
    fn the_memory_of_tokens_is_bounded() {
        let mut memory = Memory::default();
        for number in 0..u32::try_from(REMEMBERED + 10).expect("small") {
            let mut hash = Hash::default();
            hash[..4].copy_from_slice(&number.to_be_bytes());
            memory.put(hash, Arc::new(json!(number)));
            memory.put(hash, Arc::new(json!(number)));
        }
        assert_eq!((memory.claims.len(), memory.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!memory.claims.contains_key(&Hash::default()), "the oldest goes first");
    }
}
