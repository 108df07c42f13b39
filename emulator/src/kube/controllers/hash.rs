//! The `pod-template-hash` that tells the ReplicaSets of one Deployment apart.
//!
//! As in the Deployment controller: FNV-1a with 32 bits, written in decimal, each digit spelt in the alphabet of generated
//! suffixes. What is hashed differs: Go hashes its own print of the structure, which nobody can reproduce without Go; here it
//! is the template as JSON with sorted keys. The form is the same, the value is not.

use serde_json::Value;

use crate::kernel::ids::KUBERNETES_SUFFIX;

/// The hash of a pod template; `collisions` is the Deployment's `status.collisionCount`.
pub fn pod_template_hash(template: &Value, collisions: i64) -> String {
    let mut hash = Fnv::default();
    write_canonical(template, &mut hash);
    if collisions > 0 {
        hash.write(&collisions.to_le_bytes());
    }
    hash.0.to_string().bytes().map(|digit| char::from(KUBERNETES_SUFFIX[usize::from(digit) % KUBERNETES_SUFFIX.len()])).collect()
}

struct Fnv(u32);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}

fn write_canonical(value: &Value, hash: &mut Fnv) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            hash.write(b"{");
            for (key, value) in keys {
                hash.write(key.as_bytes());
                hash.write(b":");
                write_canonical(value, hash);
                hash.write(b",");
            }
            hash.write(b"}");
        }
        Value::Array(items) => {
            hash.write(b"[");
            for item in items {
                write_canonical(item, hash);
                hash.write(b",");
            }
            hash.write(b"]");
        }
        scalar => hash.write(scalar.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_depends_on_content_and_not_on_order() {
        let one = json!({"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}});
        let same = json!({"spec": {"containers": [{"image": "b", "name": "a"}]}, "metadata": {"labels": {"app": "nginx"}}});
        let other = json!({"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [{"name": "a", "image": "c"}]}});
        assert_eq!(pod_template_hash(&one, 0), pod_template_hash(&same, 0));
        assert_ne!(pod_template_hash(&one, 0), pod_template_hash(&other, 0));
        assert_ne!(pod_template_hash(&one, 0), pod_template_hash(&one, 1));
    }

    #[test]
    fn it_is_spelt_as_kubernetes_spells_it() {
        let hash = pod_template_hash(&json!({"spec": {}}), 0);
        assert!((1..=10).contains(&hash.len()), "{hash}");
        assert!(hash.chars().all(|c| "456789bcdf".contains(c)), "{hash}");
    }
}
