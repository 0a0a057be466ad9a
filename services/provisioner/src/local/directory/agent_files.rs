//! The files of one agent.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chatmesh_core::{ExposeSecret as _, SecretString};

use super::super::process::Identity;
use super::{files, private_dir};
use crate::job::AgentName;

/// A log that is longer is put aside when an agent starts; one older log is kept.
const MAX_LOG_BYTES: u64 = 10 * 1024 * 1024;
/// What the name of the file ends with that says which process an agent has.
const PID: &str = ".pid";
/// What the name of the file with its token ends with.
const TOKEN: &str = ".token";

/// What an agent keeps for itself, and what we keep of it.
#[derive(Debug, Clone)]
pub(in crate::local) struct AgentFiles {
    name: AgentName,
    state_dir: PathBuf,
    control: PathBuf,
}

impl AgentFiles {
    pub(super) fn new(name: AgentName, agents: &Path, control: PathBuf) -> Self {
        Self { state_dir: agents.join(name.as_str()), name, control }
    }

    /// The agent whose process or token is in a file of the control directory, where it is such a file.
    pub(super) fn name_of_file(file: &str) -> Option<AgentName> {
        let name = file.strip_suffix(PID).or_else(|| file.strip_suffix(TOKEN))?;
        AgentName::try_from(name.to_owned()).ok()
    }

    pub(in crate::local) fn name(&self) -> &AgentName {
        &self.name
    }

    /// What the agent keeps for itself.
    pub(in crate::local) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Makes what the agent needs to be there.
    pub(in crate::local) fn create(&self) -> io::Result<()> {
        private_dir(&self.state_dir)
    }

    pub(in crate::local) fn token_file(&self) -> PathBuf {
        self.file(TOKEN)
    }

    pub(in crate::local) fn write_token(&self, token: &SecretString) -> io::Result<()> {
        files::write(&self.token_file(), token.expose_secret().as_bytes())
    }

    pub(in crate::local) fn remove_token(&self) -> io::Result<()> {
        files::remove(&self.token_file())
    }

    pub(in crate::local) fn write_pid(&self, identity: &Identity) -> io::Result<()> {
        files::write(&self.file(PID), &serde_json::to_vec(identity)?)
    }

    pub(in crate::local) fn remove_pid(&self) -> io::Result<()> {
        files::remove(&self.file(PID))
    }

    /// The agent's process, where it lives.
    pub(in crate::local) fn living_process(&self) -> io::Result<Option<Identity>> {
        let content = files::read(&self.file(PID))?;
        let identity = content.and_then(|content| serde_json::from_slice::<Identity>(&content).ok());
        Ok(identity.filter(Identity::is_alive))
    }

    /// Opens the agent's log to append to it.
    pub(in crate::local) fn open_log(&self) -> io::Result<File> {
        let path = self.file(".log");
        if fs::symlink_metadata(&path).is_ok_and(|log| log.is_file() && log.len() > MAX_LOG_BYTES) {
            fs::rename(&path, self.file(".log.1"))?;
        }
        files::append(&path)
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.control.join(format!("{}{ending}", self.name))
    }
}
