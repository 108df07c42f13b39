//! What admission adds to new objects.

use serde_json::{Value, json};

use super::error::Error;
use super::kinds::Kind;
use super::store::State;
use crate::world::World;

/// Admits a new object.
pub(super) fn admit(_state: &State, _world: &World, _kind: &Kind, _object: &mut Value) -> Result<(), Error> {
    Ok(())
}

/// The ConfigMap that every namespace has.
pub fn root_ca(namespace: &str) -> Value {
    json!({"metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": ""}})
}
