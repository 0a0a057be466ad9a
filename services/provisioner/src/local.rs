//! The kind `local`: a workspace is a directory on this machine with the agents that run in it: each is a process of its
//! own, in a sandbox of its own where there are any, and all of them work on the same files.

mod agent;
mod directory;
mod ending;
mod environment;
mod ground;
mod process;
mod sandbox;
mod supervisor;
mod take_up;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chatmesh_runtime::Tasks;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};
use tracing::{info, warn};

use crate::Config;
use crate::backend::{Backend, Run, no_settings};
use crate::config::{Isolation, Kind};
use crate::failure::{Failure, Left};
use crate::job::{AgentName, Job, JobAgent, WorkspaceId};
use agent::{Agent, Launch};
use directory::{Directory, Record, State};
use ground::Ground;
use process::StillAlive;
use sandbox::Sandbox;
use supervisor::Supervisor;

/// The name of this part in the log of a build.
const STAGE: &str = "workspace";
/// How long another provisioner may take that ends, beyond the time that its agents have: it finishes its builds.
const OTHER_END: Duration = Duration::from_secs(660);

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("can not use the workspace's directory `{}`: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "another provisioner works in the data directory `{}` and does not end: end it, or leave `local` out of \
         provisioner.kinds here",
        path.display()
    )]
    InUse { path: PathBuf },
    #[error("can not run the agent `{}`: {source}; check provisioner.agent_program", program.display())]
    Launch { program: PathBuf, source: io::Error },
    #[error("this machine can not isolate workspaces, which provisioner.local.isolation demands: {0}")]
    NoIsolation(String),
    #[error(transparent)]
    StillAlive(#[from] StillAlive),
}

/// Workspaces on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    config: Config,
    launch: Arc<Launch>,
    /// How workspaces are isolated, or why they are not.
    isolation: OnceCell<Result<Arc<Sandbox>, String>>,
    /// Absent until it is this provisioner's alone.
    ground: OnceCell<Ground>,
    stop_grace: Duration,
    tasks: Tasks,
    entries: Mutex<HashMap<WorkspaceId, Entry>>,
}

/// Those who look after the agents of one workspace.
type Supervisors = Vec<Supervisor>;

/// The agents of a workspace, where they are looked after. Held while the workspace is changed, so
/// that two builds of one workspace, one of them with a lost lease, do not mix.
type Entry = Arc<AsyncMutex<Supervisors>>;

impl Local {
    pub(crate) fn new(config: Config, tasks: Tasks) -> Self {
        let stop_grace = config.stop_grace;
        let launch = Arc::new(Launch::new(config.clone(), environment::inherited()));
        Self {
            config,
            launch,
            isolation: OnceCell::new(),
            ground: OnceCell::new(),
            stop_grace,
            tasks,
            entries: Mutex::default(),
        }
    }

    /// How workspaces are isolated, and what is to be said about it. Found out once.
    async fn isolation(&self) -> Result<(Option<Arc<Sandbox>>, String), LocalError> {
        let demand = self.config.local.isolation;
        if demand == Isolation::None {
            return Ok((None, "not isolated, as provisioner.local.isolation says".to_owned()));
        }
        let data_dir = self.ground().await?.data_dir();
        let found = self.isolation.get_or_init(|| async {
            let found = sandbox::find(&self.config, data_dir).await;
            match &found {
                Ok(_) => info!("workspaces are isolated with bubblewrap"),
                Err(reason) => warn!(reason, "workspaces can not be isolated"),
            }
            found.map(Arc::new)
        });
        match found.await {
            Ok(sandbox) => Ok((Some(Arc::clone(sandbox)), "isolated with bubblewrap".to_owned())),
            Err(reason) if demand == Isolation::Bubblewrap => Err(LocalError::NoIsolation(reason.clone())),
            Err(reason) => Ok((None, format!("not isolated: {reason}"))),
        }
    }

    /// Ends what runs of the workspace and makes its directory ready for these agents.
    async fn prepare(
        &self,
        directory: &Directory,
        job: &Job,
        agents: &[JobAgent],
        run: &Run,
        supervisors: &mut Supervisors,
    ) -> Result<(), Failure> {
        run.unless_canceled(self.bring_up_to_date(directory)).await??;
        // The tokens are new, so agents that run are of no use any more.
        run.unless_canceled(self.end_agents(directory, supervisors)).await??;
        let record = Record {
            state: State::Running,
            url: self.launch.url().to_owned(),
            variables: job.variables.clone(),
            agents: agents.iter().map(|agent| agent.name.clone()).collect(),
        };
        let agents = agents.to_vec();
        on_disk(directory, move |directory| {
            directory.create()?;
            directory.remove_tokens()?;
            for agent in agents {
                directory.agent(&agent.name).write_token(&agent.token)?;
            }
            directory.write_record(&record)
        })
        .await?;
        run.check()
    }

    /// Starts all agents, or none.
    async fn launch_all(
        &self,
        directory: &Directory,
        agents: Vec<Agent>,
        supervisors: &mut Supervisors,
    ) -> Result<(), LocalError> {
        for agent in agents {
            match agent.launch() {
                Ok(process) => {
                    info!(workspace_id = %agent.id, agent = %agent.files.name(), pid = process.pid(), "agent started");
                    supervisors.push(Supervisor::start(&self.tasks, agent, process, self.stop_grace));
                }
                Err(error) => {
                    // The build fails, so nothing is to come back at the next start either.
                    on_disk(directory, Directory::write_stopped).await?;
                    self.end_agents(directory, supervisors).await?;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Leaves the workspace stopped, as far as that can be done without waiting. Else the next provisioner would start it.
    async fn undo_start(&self, id: WorkspaceId, directory: &Directory) -> Left {
        let undone = on_disk(directory, |directory| {
            directory.write_stopped()?;
            directory.remove_tokens()
        });
        let undone = undone.await;
        if let Err(error) = &undone {
            warn!(workspace_id = %id, %error, "workspace not left stopped");
        }
        Left { not_undone: undone.is_err(), ..Left::default() }
    }

    /// The data directory, as soon as it is this provisioner's alone.
    async fn ground(&self) -> Result<&Ground, LocalError> {
        let patience = OTHER_END + self.stop_grace;
        self.ground.get_or_try_init(|| Ground::take(&self.config.data_dir, patience)).await
    }

    fn agent(
        &self,
        id: WorkspaceId,
        directory: &Directory,
        name: &AgentName,
        variables: &BTreeMap<String, String>,
        sandbox: Option<&Arc<Sandbox>>,
    ) -> Agent {
        Agent {
            id,
            files: directory.agent(name),
            directory: directory.clone(),
            variables: variables.clone(),
            launch: Arc::clone(&self.launch),
            sandbox: sandbox.cloned(),
        }
    }

    fn entry(&self, id: WorkspaceId) -> Entry {
        Arc::clone(self.entries.lock().entry(id).or_default())
    }
}

#[async_trait]
impl Backend for Local {
    async fn start(&self, job: &Job, agents: &[JobAgent], run: &Run) -> Result<(), Failure> {
        no_settings(Kind::Local, &job.settings)?;
        let (id, ground) = (job.workspace_id, run.unless_canceled(self.ground()).await??);
        let directory = ground.directory(id);
        let (sandbox, is_isolated) = self.isolation().await?;
        let entry = self.entry(id);
        let mut supervisors = run.unless_canceled(entry.lock()).await?;
        run.log.info(STAGE, format!("the workspace is {is_isolated}"));
        run.log.info(STAGE, "making the workspace's directory ready");
        if let Err(failure) = self.prepare(&directory, job, agents, run, &mut supervisors).await {
            if matches!(failure, Failure::Canceled) {
                return Err(failure.leaving(self.undo_start(id, &directory).await));
            }
            return Err(failure);
        }
        let all = agents
            .iter()
            .map(|agent| self.agent(id, &directory, &agent.name, &job.variables, sandbox.as_ref()))
            .collect();
        self.launch_all(&directory, all, &mut supervisors).await?;
        for agent in agents {
            run.log.info(STAGE, format!("the agent `{}` runs", agent.name));
        }
        Ok(())
    }

    async fn stop(&self, job: &Job, run: &Run) -> Result<(), Failure> {
        let (directory, entry) = (self.ground().await?.directory(job.workspace_id), self.entry(job.workspace_id));
        let mut supervisors = entry.lock().await;
        run.log.info(STAGE, "stopping what runs");
        self.stop_workspace(&directory, &mut supervisors).await?;
        run.log.info(STAGE, "the workspace is stopped; its files stay");
        Ok(())
    }

    async fn delete(&self, job: &Job, run: &Run) -> Result<(), Failure> {
        let (directory, entry) = (self.ground().await?.directory(job.workspace_id), self.entry(job.workspace_id));
        let mut supervisors = entry.lock().await;
        run.log.info(STAGE, "stopping what runs");
        self.stop_workspace(&directory, &mut supervisors).await?;
        run.log.info(STAGE, "deleting the workspace's directory");
        on_disk(&directory, Directory::remove).await?;
        self.entries.lock().remove(&job.workspace_id);
        Ok(())
    }

    async fn runs_nothing(&self, job: &Job) -> bool {
        let Some(ground) = self.ground.get() else { return false };
        let (directory, entry) = (ground.directory(job.workspace_id), self.entry(job.workspace_id));
        // Whoever holds it is about to change that.
        let Ok(supervisors) = entry.try_lock() else { return false };
        supervisors.is_empty() && on_disk(&directory, Directory::runs_nothing).await.unwrap_or(false)
    }

    async fn open(&self) -> Result<(), Failure> {
        Ok(self.ground().await.map(drop)?)
    }

    async fn take_up(&self) {
        self.take_up_all().await;
    }

    /// Stops all agents. What is to become of them stays written, so the next start brings them back.
    async fn shut_down(&self) {
        let entries: Vec<Entry> = self.entries.lock().values().cloned().collect();
        for entry in &entries {
            for supervisor in &*entry.lock().await {
                supervisor.ask_to_stop();
            }
        }
        for entry in &entries {
            for supervisor in &*entry.lock().await {
                supervisor.stop().await;
            }
        }
    }
}

/// Does file work where it may block; once begun it is done to its end.
async fn on_disk<T: Send + 'static>(
    directory: &Directory,
    work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
) -> Result<T, LocalError> {
    let owned = directory.clone();
    let result = tokio::task::spawn_blocking(move || work(&owned)).await.unwrap_or_else(|error| Err(error.into()));
    result.map_err(|source| LocalError::Directory { path: directory.root().to_owned(), source })
}
