//! azlet: a little Azure for one machine. Everything that takes part when AKS pulls an image from ACR, in memory, offline, with
//! Azure's own rules. `docs/ARCHITECTURE.md` is the map.
//!
//! Edges point one way: `front` and `cli` → planes → `world` → the planes' stores → `kernel`; among the planes
//! `entra` < `graph`, `imds`, `logs` < `acr` < `kube` < `arm`.

pub mod acr;
pub mod arm;
pub mod cli;
pub mod control;
pub mod entra;
pub mod front;
pub mod graph;
pub mod imds;
pub mod kernel;
pub mod kube;
pub mod logs;
pub mod world;
