//! What the tests stand on: processes that end with their test, and a client that checks what it reads.

mod api;
mod audit;
mod balancer;
mod binaries;
mod cluster;
mod deadline;
mod events;
mod follower;
mod history;
mod live;
mod patient;
mod plan;
mod process;
mod sandbox;
mod scripts;
mod servers;
mod stored;
mod up;

use std::path::PathBuf;

pub(crate) use api::{Api, text};
pub(crate) use audit::{Audit, Turn};
pub(crate) use binaries::command;
pub(crate) use cluster::Cluster;
pub(crate) use deadline::{LONG, eventually, file_appears};
pub(crate) use events::Events;
pub(crate) use follower::Follower;
pub(crate) use history::History;
pub(crate) use patient::{Patient, Tally};
pub(crate) use plan::{CHAT_REPLICAS, Databases, Layout, SERVICES, variable as setting};
pub(crate) use process::Process;
pub(crate) use sandbox::Sandbox;
pub(crate) use scripts::{Model, STEPS, simulator, simulator_of};
pub(crate) use servers::{Nats, Postgres, Servers, open};
pub(crate) use stored::Stored;
pub(crate) use up::Up;

/// A running mesh, however it is made of processes.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// A client of its administrator.
    pub(crate) api: Api,
    /// Where the local provisioner keeps its workspaces.
    pub(crate) workspaces: PathBuf,
}

impl Mesh {
    /// The directory in which a workspace's commands run.
    pub(crate) fn home(&self, workspace: &str) -> PathBuf {
        self.workspaces.join(workspace).join("home")
    }
}

/// What the test run is told through the environment.
#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
