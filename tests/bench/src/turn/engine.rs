//! The two kinds of mesh.

use std::fmt;

use crate::mesh::{Mesh, Plan, Storage, Up};
use crate::programs::Programs;

/// Where a mesh keeps its data, and of how many processes it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Engine {
    /// `chatmesh up`: one process
    Sqlite,
    /// A process for each service
    Postgres,
}

impl Engine {
    /// `None` where there is no server.
    pub(super) fn storage(self) -> Option<Storage> {
        match self {
            Self::Sqlite => Some(Storage::Sqlite),
            Self::Postgres => chatmesh_testkit::server().map(Storage::Postgres),
        }
    }

    pub(super) async fn start(
        self,
        programs: &Programs,
        storage: &Storage,
        settings: &[(String, String)],
    ) -> anyhow::Result<Mesh> {
        Ok(match self {
            Self::Sqlite => Mesh::Up(Up::start(programs, settings).await?),
            Self::Postgres => Mesh::Cluster(Plan::new(programs, storage).for_all(settings).start().await?),
        })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite, one process",
            Self::Postgres => "PostgreSQL, a process for each service",
        })
    }
}
