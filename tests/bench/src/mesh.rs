//! Meshes to measure, on release or debug builds.

mod cluster;
mod up;

pub(crate) use cluster::{Cluster, MESH_SECRET, Plan, Storage, variable};
pub(crate) use up::Up;

use crate::api::Api;

/// How long work may take that is under way when a mesh is to end: nobody waits for it here.
const END_GRACE: &str = "5s";

/// A running mesh, however it is made of processes.
#[derive(Debug)]
pub(crate) enum Mesh {
    /// One process.
    Up(Up),
    /// A process for each service.
    Cluster(Cluster),
}

impl Mesh {
    pub(crate) fn api(&self) -> &Api {
        match self {
            Self::Up(up) => up.api(),
            Self::Cluster(cluster) => cluster.api(),
        }
    }

    /// The memory of all processes, without agents.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        match self {
            Self::Up(up) => Ok(up.usage()?.resident_bytes),
            Self::Cluster(cluster) => cluster.resident_bytes(),
        }
    }
}
