//! The directory of a workspace:
//!
//! - `home/`: what the workspace is made of; commands run there.
//! - `agents/NAME/`: what an agent keeps for itself.
//! - `control/`: what is to become of the workspace, and of each agent its process, its token and its log.
//!
//! Commands of a workspace do as they like in the first two, so nothing there is believed. The third is ours: an
//! isolated workspace has nothing of it but the tokens of its agents, to read them. All of it is for this user alone.

mod agent_files;
mod earlier;
mod files;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

pub(super) use agent_files::AgentFiles;
pub(super) use earlier::Earlier;
pub(super) use record::{Record, State};

use super::process::Identity;
use crate::job::{AgentName, WorkspaceId};

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
        Ok(names_in(&data_dir.join("workspaces"))?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    fn agents_dir(&self) -> PathBuf {
        self.root.join("agents")
    }

    fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    /// The files of an agent.
    pub(super) fn agent(&self, name: &AgentName) -> AgentFiles {
        AgentFiles::new(name.clone(), &self.agents_dir(), self.control())
    }

    /// All agents of which there is something, of whatever build.
    fn agents(&self) -> io::Result<Vec<AgentFiles>> {
        let files = names_in(&self.control())?;
        let names: BTreeSet<AgentName> = files.iter().filter_map(|file| AgentFiles::name_of_file(file)).collect();
        Ok(names.iter().map(|name| self.agent(name)).collect())
    }

    /// The processes of agents that live, of whatever build.
    pub(super) fn living_processes(&self) -> io::Result<BTreeMap<AgentName, Identity>> {
        let mut living = BTreeMap::new();
        for agent in self.agents()? {
            if let Some(identity) = agent.living_process()? {
                living.insert(agent.name().clone(), identity);
            }
        }
        Ok(living)
    }

    /// Forgets the processes of all agents.
    pub(super) fn remove_pids(&self) -> io::Result<()> {
        self.agents()?.iter().try_for_each(AgentFiles::remove_pid)
    }

    /// Removes the tokens of all agents.
    pub(super) fn remove_tokens(&self) -> io::Result<()> {
        self.agents()?.iter().try_for_each(AgentFiles::remove_token)
    }

    /// Makes what is missing, and closes what is there to other users.
    pub(super) fn create(&self) -> io::Result<()> {
        for path in [self.root.clone(), self.home(), self.agents_dir(), self.control()] {
            private_dir(&path)?;
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

    /// True where no agent lives, and the next provisioner starts none.
    pub(super) fn runs_nothing(&self) -> io::Result<bool> {
        let is_to_run = self.read_record()?.is_some_and(|record| record.state == State::Running);
        Ok(!is_to_run && self.living_processes()?.is_empty() && Earlier::find(self)?.is_none())
    }

    pub(super) fn read_record(&self) -> io::Result<Option<Record>> {
        let content = files::read(&self.record_file())?;
        Ok(content.and_then(|content| Record::parse(&content)))
    }

    pub(super) fn write_record(&self, record: &Record) -> io::Result<()> {
        files::write(&self.record_file(), &serde_json::to_vec(record)?)
    }

    /// Writes that nothing is to run any more, where there is a workspace.
    pub(super) fn write_stopped(&self) -> io::Result<()> {
        match self.read_record()? {
            Some(record) => self.write_record(&Record { state: State::Stopped, ..record }),
            None => Ok(()),
        }
    }

    /// Writes that the relay has refused an agent for good.
    pub(super) fn write_refused(&self, name: &AgentName) -> io::Result<()> {
        let Some(mut record) = self.read_record()? else { return Ok(()) };
        record.agents.retain(|agent| agent != name);
        if record.state == State::Running && record.agents.is_empty() {
            record.state = State::Refused;
        }
        self.write_record(&record)
    }

    fn record_file(&self) -> PathBuf {
        self.control().join("workspace.json")
    }
}

/// Makes a directory for this user alone.
fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// The names of what is in a directory, which may be missing. Those that are no text are not ours.
fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
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
