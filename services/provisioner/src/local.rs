//! The kind `local`: a workspace is a directory on this machine with an agent that runs in it.

mod agent;
mod directory;
mod environment;
mod process;
mod supervisor;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::SecretString;
use chatmesh_runtime::Tasks;
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tracing::{info, warn};

use crate::Config;
use crate::job::{Job, Work, WorkspaceId};
use agent::{Agent, Launch};
use directory::{Directory, Record, State};
use process::{Process, StillAlive};
use supervisor::Supervisor;

/// The kind's name.
pub(crate) const KIND: &str = "local";

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("can not use the workspace's directory `{}`: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("can not run the agent `{}`: {source}; check provisioner.agent_program", program.display())]
    Launch { program: PathBuf, source: io::Error },
    #[error(transparent)]
    StillAlive(#[from] StillAlive),
}

/// Workspaces on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    launch: Arc<Launch>,
    data_dir: PathBuf,
    stop_grace: Duration,
    tasks: Tasks,
    entries: Mutex<HashMap<WorkspaceId, Entry>>,
}

/// The agent of a workspace, where one is looked after. Held while the workspace is changed, so
/// that two builds of one workspace, one of them with a lost lease, do not mix.
type Entry = Arc<AsyncMutex<Option<Supervisor>>>;

impl Local {
    pub(crate) fn new(config: Config, tasks: Tasks) -> Self {
        let (data_dir, stop_grace) = (config.data_dir.clone(), config.stop_grace);
        let launch = Arc::new(Launch::new(config, environment::inherited()));
        Self { launch, data_dir, stop_grace, tasks, entries: Mutex::default() }
    }

    /// Carries a build out. Doing it twice comes to the same; dropping it half-way leaves a
    /// workspace that the next try brings in order.
    pub(crate) async fn carry_out(&self, job: Job) -> Result<(), Failure> {
        let id = job.workspace_id;
        let entry = self.entry(id);
        let mut supervisor = entry.lock().await;
        match job.work {
            Work::Start(token) => self.start(id, token, &mut supervisor).await,
            Work::Stop => self.stop(id, &mut supervisor).await,
            Work::Delete => self.delete(id, &mut supervisor).await,
        }
    }

    /// Takes up the agents of earlier runs: looks after those that live, starts those that should.
    pub(crate) async fn take_up(&self) {
        let found = match Directory::all(&self.data_dir) {
            Ok(found) => found,
            Err(error) => return warn!(%error, "workspaces of earlier runs not found"),
        };
        for id in found {
            let entry = self.entry(id);
            let mut supervisor = entry.lock().await;
            if let Err(error) = self.take_up_one(id, &mut supervisor).await {
                warn!(workspace_id = %id, %error, "workspace not taken up");
            }
        }
    }

    /// Stops all agents. What is to become of them stays written, so the next start brings them back.
    pub(crate) async fn shut_down(&self) {
        let entries: Vec<Entry> = self.entries.lock().values().cloned().collect();
        for entry in &entries {
            if let Some(supervisor) = &*entry.lock().await {
                supervisor.ask_to_stop();
            }
        }
        for entry in &entries {
            if let Some(supervisor) = &*entry.lock().await {
                supervisor.stop().await;
            }
        }
    }

    async fn start(&self, id: WorkspaceId, token: SecretString, entry: &mut Option<Supervisor>) -> Result<(), Failure> {
        let agent = self.agent(id);
        // The token is new, so an agent that runs is of no use any more.
        self.end_agent(&agent, entry).await?;
        let url = self.launch.url().to_owned();
        on_disk(&agent.directory, move |directory| {
            directory.create()?;
            directory.write_token(&token)?;
            directory.write_record(&Record { state: State::Running, url })
        })
        .await?;
        let process = match self.launch(&agent) {
            Ok(process) => process,
            Err(failure) => {
                // The build fails, so nothing is to come back at the next start either.
                on_disk(&agent.directory, Directory::write_stopped).await?;
                return Err(failure);
            }
        };
        info!(workspace_id = %id, pid = process.pid(), "agent started");
        *entry = Some(Supervisor::start(&self.tasks, agent, process, self.stop_grace));
        Ok(())
    }

    async fn stop(&self, id: WorkspaceId, entry: &mut Option<Supervisor>) -> Result<(), Failure> {
        let agent = self.agent(id);
        // Written first: whatever happens from here on, the agent is not started again.
        on_disk(&agent.directory, Directory::write_stopped).await?;
        self.end_agent(&agent, entry).await?;
        on_disk(&agent.directory, Directory::remove_token).await
    }

    async fn delete(&self, id: WorkspaceId, entry: &mut Option<Supervisor>) -> Result<(), Failure> {
        self.stop(id, entry).await?;
        on_disk(&self.agent(id).directory, Directory::remove).await?;
        self.entries.lock().remove(&id);
        Ok(())
    }

    async fn take_up_one(&self, id: WorkspaceId, entry: &mut Option<Supervisor>) -> Result<(), Failure> {
        let agent = self.agent(id);
        let (record, living) =
            on_disk(&agent.directory, |directory| Ok((directory.read_record()?, directory.living_process()?))).await?;
        let Some(record) = record else { return Ok(()) };
        if record.state != State::Running {
            return self.end_agent(&agent, entry).await;
        }
        let process = match living {
            Some(identity) if record.url == self.launch.url() => {
                info!(workspace_id = %id, pid = identity.pid, "agent adopted");
                Process::adopt(identity)
            }
            // It is gone, or it dials an address where the relay is not any more.
            _ => {
                self.end_agent(&agent, entry).await?;
                let url = self.launch.url().to_owned();
                let record = Record { state: State::Running, url };
                on_disk(&agent.directory, move |directory| directory.write_record(&record)).await?;
                let process = self.launch(&agent)?;
                info!(workspace_id = %id, pid = process.pid(), "agent started again");
                process
            }
        };
        *entry = Some(Supervisor::start(&self.tasks, agent, process, self.stop_grace));
        Ok(())
    }

    /// Ends the workspace's agent, whether it is looked after or was left by a build that was let go of.
    async fn end_agent(&self, agent: &Agent, entry: &mut Option<Supervisor>) -> Result<(), Failure> {
        if let Some(supervisor) = entry.as_ref() {
            supervisor.stop().await;
            *entry = None;
        }
        if let Some(identity) = on_disk(&agent.directory, Directory::living_process).await? {
            Process::adopt(identity).terminate(self.stop_grace).await?;
        }
        on_disk(&agent.directory, Directory::remove_pid).await
    }

    fn launch(&self, agent: &Agent) -> Result<Process, Failure> {
        agent.launch().map_err(|source| Failure::Launch { program: self.launch.program().to_owned(), source })
    }

    fn agent(&self, id: WorkspaceId) -> Agent {
        Agent { id, directory: Directory::new(&self.data_dir, id), launch: Arc::clone(&self.launch) }
    }

    fn entry(&self, id: WorkspaceId) -> Entry {
        Arc::clone(self.entries.lock().entry(id).or_default())
    }
}

/// Does file work where it may block; once begun it is done to its end.
async fn on_disk<T: Send + 'static>(
    directory: &Directory,
    work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let owned = directory.clone();
    let result = tokio::task::spawn_blocking(move || work(&owned)).await.unwrap_or_else(|error| Err(error.into()));
    result.map_err(|source| Failure::Directory { path: directory.root().to_owned(), source })
}
