//! `chatmesh up`: everything in one process, on SQLite.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

use super::END_GRACE;
use crate::api::Api;
use crate::process::{Process, Usage};
use crate::programs::Programs;

/// A mesh in one process, in a directory that goes with it.
#[derive(Debug)]
pub(crate) struct Up {
    // The process ends before its directory is removed.
    process: Process,
    api: Api,
    started: Duration,
    _directory: TempDir,
}

impl Up {
    /// Starts it; `settings` are variables of its environment.
    pub(crate) async fn start(programs: &Programs, settings: &[(String, String)]) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("chatmesh-bench-").tempdir()?;
        let data = directory.path().join("data");
        let mut command = programs.chatmesh()?;
        command.args(["up", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data);
        command.env("CHATMESH_LIFECYCLE__GRACE", END_GRACE);
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let began = Instant::now();
        let mut process = Process::start("up", command, directory.path())?;
        let url = process.writes("http://").await?;
        let started = began.elapsed();
        let token = std::fs::read_to_string(data.join("admin.token")).context("no token")?;
        let api = Api::new(&url, token.trim())?;
        Ok(Self { process, api, started, _directory: directory })
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// How long it took from the start of the process to its being ready.
    pub(crate) fn started(&self) -> Duration {
        self.started
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }
}
