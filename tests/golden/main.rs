//! The golden tests: one file a subject, everything through the public wire, answers as snapshots.

mod aks_clusters;
mod aks_operations;
mod aks_run_command;
mod arm_groups;
mod arm_lists;
mod arm_operations;
mod arm_pipeline;
mod arm_registries;
mod arm_roles;
mod client;
mod control;
mod data_types;
mod documents;
mod entra;
mod entra_certificate;
mod front;
mod graph;
mod kube_api;
mod pull;
mod registry_auth;
mod registry_content;
mod registry_metadata;
mod registry_properties;
mod registry_pull;
mod registry_uploads;
