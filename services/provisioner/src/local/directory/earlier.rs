//! Directories of earlier releases, which had what is in `control/` now in `agent/`, beside what the agent keeps for
//! itself.
//!
//! Commands of the workspace can write to `agent/`. So what is found there is looked at once, with care, to bring the
//! workspace back as it was: its process is ended only where it is known to be this workspace's agent, and nothing of it
//! gets into an environment but parameters.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chatmesh_core::SecretString;

use super::super::process::Identity;
use super::{Directory, Record, files};
use crate::job::AgentName;

/// The files that are ours.
const FILES: [&str; 5] = ["agent.json", "agent.pid", "agent.token", "agent.log", "agent.log.1"];

/// What an earlier release has left of a workspace.
#[derive(Debug)]
pub(in crate::local) struct Earlier {
    agent: PathBuf,
    record: Option<Record>,
    token: Option<SecretString>,
    /// The agent's process, where it lives. It is to be ended before the directory is brought up to date.
    pub(in crate::local) living: Option<Identity>,
}

impl Earlier {
    /// Looks for what an earlier release has left.
    pub(in crate::local) fn find(directory: &Directory) -> io::Result<Option<Self>> {
        let agent = directory.root().join("agent");
        // A link is none of ours.
        if !fs::symlink_metadata(&agent).is_ok_and(|found| found.is_dir()) {
            return Ok(None);
        }
        let record = files::read(&agent.join("agent.json"))?.and_then(|content| Record::parse(&content));
        let token = files::read(&agent.join("agent.token"))?.and_then(|content| String::from_utf8(content).ok());
        let identity = files::read(&agent.join("agent.pid"))?;
        let identity = identity.and_then(|content| serde_json::from_slice::<Identity>(&content).ok());
        let living = identity.filter(|identity| identity.is_alive() && is_called_with(identity.pid, &agent));
        Ok(Some(Self { agent, record, token: token.map(SecretString::from), living }))
    }

    /// Brings the directory up to date. Where this ends half-way it is done again.
    pub(in crate::local) fn convert(&self, directory: &Directory) -> io::Result<()> {
        directory.create()?;
        let main = directory.agent(&AgentName::main());
        if let (Some(record), None) = (&self.record, directory.read_record()?) {
            if let Some(token) = &self.token {
                main.write_token(token)?;
            }
            directory.write_record(record)?;
        }
        for file in FILES {
            // What is no file any more does no harm where it is.
            let _ = files::remove(&self.agent.join(file));
        }
        match fs::rename(&self.agent, main.state_dir()) {
            // An earlier release has worked here in between; what the agent keeps now counts.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => fs::remove_dir_all(&self.agent),
            result => result,
        }
    }
}

/// Whether a process was told to keep its state there: what the sandbox is called with, and the agent.
fn is_called_with(pid: i32, state_dir: &Path) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let state_dir = state_dir.as_os_str().as_encoded_bytes();
    words.windows(2).any(|pair| pair == [b"--state-dir", state_dir])
}
