//! The readers of texts from outside that lie within providers, by name, for who tries them without a request: the fuzz targets.

/// A range of addresses as Container Service's provider reads it.
pub use super::providers::container_service::ranges::Range as ClusterRange;
/// The files that come along with a cluster's command.
pub use super::providers::container_service::run_command::archive::files as command_files;
/// The words of a cluster's command.
pub use super::providers::container_service::run_command::shell::words as command_words;
/// A range of addresses as the network's provider reads it.
pub use super::providers::network::range::Range as NetworkRange;
