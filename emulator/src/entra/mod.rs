//! Entra ID: discovery, keys, token grants and the directory.

pub mod store;
