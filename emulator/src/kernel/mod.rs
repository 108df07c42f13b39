//! What every plane stands on: time, identifiers, names, rights. No HTTP and no plane is known here.

pub mod access;
pub mod action;
pub mod clock;
pub mod condition;
pub mod container_script;
pub mod ids;
pub mod jwt;
pub mod principal;
pub mod resource_id;
pub mod secret;
pub mod settings;
pub mod timeline;
