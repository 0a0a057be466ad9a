//! Carries out the builds of workspaces.
//!
//! A *provisioner* leases builds from `workspaces`, a few at a time, and reports how they ended.
//! While it works on one it renews the lease; where the lease is lost it lets go of the build,
//! because another has it then.
//!
//! The kind `local` makes a workspace of a directory on this machine and keeps an agent running
//! in it. Agents are processes of their own: they survive a provisioner that is killed, and are
//! adopted by the next one. What is to become of each stands beside it on disk, so a provisioner
//! needs no database.

mod config;
mod job;
mod local;
mod provisioner;
mod slot;

pub use config::{Config, ConfigError};
pub use provisioner::Provisioner;
