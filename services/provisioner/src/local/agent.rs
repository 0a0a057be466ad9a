//! The agent of a workspace as a program to run.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::directory::Directory;
use super::process::Process;
use crate::Config;
use crate::job::WorkspaceId;

/// How agents are run: the same for all of them.
#[derive(Debug)]
pub(super) struct Launch {
    config: Config,
    environment: Vec<(OsString, OsString)>,
}

impl Launch {
    pub(super) fn new(config: Config, environment: Vec<(OsString, OsString)>) -> Self {
        Self { config, environment }
    }

    pub(super) fn program(&self) -> &Path {
        &self.config.agent_program
    }

    pub(super) fn url(&self) -> &str {
        &self.config.agent_url
    }
}

/// The agent of one workspace.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: WorkspaceId,
    pub(super) directory: Directory,
    pub(super) launch: Arc<Launch>,
}

impl Agent {
    /// Runs the agent in a process group of its own, so that what ends us does not end it.
    pub(super) fn launch(&self) -> io::Result<Process> {
        let (home, state_dir) = (self.directory.home(), self.directory.agent());
        let log = self.directory.open_log()?;
        let config = &self.launch.config;
        let mut command = Command::new(&config.agent_program);
        command
            .args(&config.agent_args)
            .arg("--directory")
            .arg(&home)
            .arg("--state-dir")
            .arg(&state_dir)
            .current_dir(&home)
            .env_clear()
            .envs(self.launch.environment.iter().map(|(name, value)| (name, value)))
            .env("HOME", &home)
            .env("CHATMESH_AGENT_URL", &config.agent_url)
            .env("CHATMESH_AGENT_TOKEN_FILE", self.directory.token_file())
            .env("CHATMESH_WORKSPACE_ID", self.id.to_string())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(file) = &config.agent_ca_file {
            command.env("CHATMESH_AGENT_CA_FILE", file);
        }
        if let Some(proxy) = &config.agent_proxy {
            command.env("HTTPS_PROXY", proxy).env("HTTP_PROXY", proxy);
        }
        if let Some(endpoint) = &config.otlp_endpoint {
            command.env("CHATMESH_AGENT_OTLP_ENDPOINT", endpoint);
        }
        let process = Process::child(command.spawn()?)?;
        if let Err(error) = self.directory.write_pid(process.identity()) {
            // Nobody would find it again.
            process.kill();
            return Err(error);
        }
        Ok(process)
    }
}
