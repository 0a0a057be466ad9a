//! The directory of a workspace:
//!
//! - `home/`: what the workspace is made of; commands run there.
//! - `agent/`: the agent's state, its token, its log, and what we need to know of it.
//!
//! All of it is for this user alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chatmesh_core::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::process::Identity;
use crate::job::WorkspaceId;

/// A log that is longer is put aside when an agent starts; one older log is kept.
const MAX_LOG_BYTES: u64 = 10 * 1024 * 1024;

/// What is to become of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It is to run.
    Running,
    /// It is to stay stopped.
    Stopped,
    /// The relay refused it for good; only a build with a new token starts it.
    Refused,
}

/// What we need to know of an agent after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What is to become of it.
    pub(super) state: State,
    /// Where it finds the relay.
    pub(super) url: String,
}

/// The paths and files of one workspace.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) fn new(data_dir: &Path, id: WorkspaceId) -> Self {
        Self { root: data_dir.join("workspaces").join(id.to_string()) }
    }

    /// The workspaces that have a directory.
    pub(super) fn all(data_dir: &Path) -> io::Result<Vec<WorkspaceId>> {
        let entries = match fs::read_dir(data_dir.join("workspaces")) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
        Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    pub(super) fn agent(&self) -> PathBuf {
        self.root.join("agent")
    }

    pub(super) fn token_file(&self) -> PathBuf {
        self.agent().join("agent.token")
    }

    /// Makes what is missing, and closes what is there to other users.
    pub(super) fn create(&self) -> io::Result<()> {
        for path in [self.root.clone(), self.home(), self.agent()] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// Removes the directory with everything in it.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                // Some tools make directories that even their owner may not write to.
                make_writable(&self.root)?;
                fs::remove_dir_all(&self.root)
            }
            result => result,
        }
    }

    pub(super) fn write_token(&self, token: &SecretString) -> io::Result<()> {
        write_private(&self.token_file(), token.expose_secret().as_bytes())
    }

    pub(super) fn remove_token(&self) -> io::Result<()> {
        remove_file(&self.token_file())
    }

    pub(super) fn read_record(&self) -> io::Result<Option<Record>> {
        read_json(&self.record_file())
    }

    pub(super) fn write_record(&self, record: &Record) -> io::Result<()> {
        write_private(&self.record_file(), &serde_json::to_vec(record)?)
    }

    /// Writes that the agent is to run no more, where there is one.
    pub(super) fn write_stopped(&self) -> io::Result<()> {
        self.write_state(State::Stopped)
    }

    /// Writes what is to become of the agent, where there is one.
    pub(super) fn write_state(&self, state: State) -> io::Result<()> {
        match self.read_record()? {
            Some(record) => self.write_record(&Record { state, ..record }),
            None => Ok(()),
        }
    }

    pub(super) fn write_pid(&self, identity: &Identity) -> io::Result<()> {
        write_private(&self.pid_file(), &serde_json::to_vec(identity)?)
    }

    pub(super) fn remove_pid(&self) -> io::Result<()> {
        remove_file(&self.pid_file())
    }

    /// The agent's process, where it lives.
    pub(super) fn living_process(&self) -> io::Result<Option<Identity>> {
        Ok(read_json::<Identity>(&self.pid_file())?.filter(Identity::is_alive))
    }

    /// Opens the agent's log to append to it.
    pub(super) fn open_log(&self) -> io::Result<File> {
        let path = self.agent().join("agent.log");
        if fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
            fs::rename(&path, self.agent().join("agent.log.1"))?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    }

    fn record_file(&self) -> PathBuf {
        self.agent().join("agent.json")
    }

    fn pid_file(&self) -> PathBuf {
        self.agent().join("agent.pid")
    }
}

/// Writes a file for this user alone; a reader sees the old content or the new, never a part.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_added_extension("new");
    // A draft that a crash left might have another mode.
    remove_file(&draft)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(draft, path)
}

/// Reads a file that may be missing. One that is no JSON counts as missing: its writer does not
/// leave halves behind, so it is not ours.
fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(content) => Ok(serde_json::from_slice(&content).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn make_writable(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // The type is the entry's own: links are not followed.
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}
