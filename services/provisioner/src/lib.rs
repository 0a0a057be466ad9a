//! Carries out the builds of workspaces.
//!
//! A *provisioner* leases builds from `workspaces`, a few at a time, and reports how they ended.
//! While it works on one it renews the lease; where the lease is lost it lets go of the build,
//! because another has it then. What it does goes into the build's log line by line, and a build
//! that is not wanted any more is undone.
//!
//! Each kind of workspaces has a backend:
//!
//! - `local` makes a workspace of a directory on this machine and keeps an agent running in it,
//!   isolated where the system can do that. Agents are processes of their own: they survive a
//!   provisioner that is killed, and are adopted by the next one. What is to become of each stands
//!   beside it on disk, so a provisioner needs no database.
//! - `kubernetes` makes it of a Pod with a volume in a cluster, where everything is kept.
//! - `external` makes nothing: somebody starts the agent by hand, and the log says how.
//!
//! All of them pass one suite of tests, which says what a backend promises.

mod backend;
mod config;
#[cfg(test)]
mod conformance;
mod external;
mod failure;
mod job;
mod job_log;
mod kubernetes;
mod local;
mod provisioner;
mod slot;

pub use config::{
    Config, ConfigError, EgressPort, EgressRule, Isolation, Kind, KubernetesConfig, LocalConfig, Protocol,
};
pub use provisioner::Provisioner;
