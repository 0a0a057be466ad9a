//! The agent of a workspace as a program to run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::LocalError;
use super::directory::{AgentFiles, Directory};
use super::process::Process;
use super::sandbox::{self, Sandbox};
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

    pub(super) fn url(&self) -> &str {
        &self.config.agent_url
    }
}

/// The agent of one workspace.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: WorkspaceId,
    pub(super) directory: Directory,
    pub(super) files: AgentFiles,
    /// The values of the template's parameters, which it passes on to what it runs.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) launch: Arc<Launch>,
    /// How it is isolated, where it is.
    pub(super) sandbox: Option<Arc<Sandbox>>,
}

impl Agent {
    /// Runs the agent in a process group of its own, so that what ends us does not end it.
    /// A sandbox brings a group with it.
    pub(super) fn launch(&self) -> Result<Process, LocalError> {
        let log = self.files.create().and_then(|()| self.files.open_log());
        let log = log.map_err(|source| LocalError::Directory { path: self.directory.root().to_owned(), source })?;
        let program = &self.launch.config.agent_program;
        self.run(log).map_err(|source| LocalError::Launch { program: program.clone(), source })
    }

    fn run(&self, log: File) -> io::Result<Process> {
        let (home, state_dir) = (self.directory.home(), self.files.state_dir());
        let config = &self.launch.config;
        let mut command = match &self.sandbox {
            Some(sandbox) => {
                sandbox::require(&config.agent_program)?;
                let mut command = Command::new(sandbox.program());
                command.args(sandbox.args(&self.directory, &self.files)).arg(&config.agent_program);
                command
            }
            None => {
                let mut command = Command::new(&config.agent_program);
                command.process_group(0);
                command
            }
        };
        command
            .args(&config.agent_args)
            .arg("--directory")
            .arg(&home)
            .arg("--state-dir")
            .arg(state_dir)
            .current_dir(&home)
            .env_clear()
            .envs(self.launch.environment.iter().map(|(name, value)| (name, value)))
            .envs(&self.variables)
            .env("HOME", &home)
            .env("CHATMESH_AGENT_URL", &config.agent_url)
            .env("CHATMESH_AGENT_TOKEN_FILE", self.files.token_file())
            .env("CHATMESH_WORKSPACE_ID", self.id.to_string())
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
        let process = Process::child(command.spawn()?, self.sandbox.is_some())?;
        if let Err(error) = self.files.write_pid(process.identity()) {
            // Nobody would find it again.
            process.kill();
            return Err(error);
        }
        Ok(process)
    }
}
