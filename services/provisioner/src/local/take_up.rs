//! Taking up the workspaces of earlier runs: agents that live are looked after, those that should live are started.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::timeout;
use tracing::{info, warn};

use super::directory::{Directory, Record, State};
use super::ground::Ground;
use super::process::Process;
use super::{Local, LocalError, Supervisor, Supervisors, on_disk};
use crate::job::WorkspaceId;

/// How long taking up a workspace may take beyond the time that its agents have to end.
const TAKE_UP: Duration = Duration::from_secs(60);
/// How many workspaces are taken up at once.
const AT_ONCE: usize = 8;

impl Local {
    /// Takes up all workspaces. One that takes its time, or does not come to an end, keeps no other one waiting.
    pub(super) async fn take_up_all(&self) {
        let ground = match self.ground().await {
            Ok(ground) => ground,
            Err(error) => return warn!(%error, "workspaces of earlier runs not taken up"),
        };
        let data_dir = ground.data_dir().to_owned();
        let found = tokio::task::spawn_blocking(move || Directory::all(&data_dir)).await;
        let found = match found.unwrap_or_else(|error| Err(error.into())) {
            Ok(found) => found,
            Err(error) => return warn!(%error, "workspaces of earlier runs not found"),
        };
        let work: Vec<_> = found.into_iter().map(|id| Box::pin(self.take_up_in_time(ground, id))).collect();
        futures::stream::iter(work).buffer_unordered(AT_ONCE).for_each(std::future::ready).await;
    }

    async fn take_up_in_time(&self, ground: &Ground, id: WorkspaceId) {
        let limit = self.stop_grace + TAKE_UP;
        let taken_up = async {
            let entry = self.entry(id);
            let mut supervisors = entry.lock().await;
            // A build may have come before.
            if supervisors.is_empty() {
                self.take_up_one(id, &ground.directory(id), &mut supervisors).await
            } else {
                Ok(())
            }
        };
        match timeout(limit, taken_up).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(workspace_id = %id, %error, "workspace not taken up"),
            Err(_) => warn!(workspace_id = %id, seconds = limit.as_secs(), "workspace not taken up in time"),
        }
    }

    async fn take_up_one(
        &self,
        id: WorkspaceId,
        directory: &Directory,
        supervisors: &mut Supervisors,
    ) -> Result<(), LocalError> {
        self.bring_up_to_date(directory).await?;
        let found = |directory: &Directory| Ok((directory.read_record()?, directory.living_processes()?));
        let (Some(record), mut living) = on_disk(directory, found).await? else { return Ok(()) };
        if record.state != State::Running {
            return self.end_agents(directory, supervisors).await;
        }
        let sandbox = self.isolation().await?.0;
        let url = self.launch.url().to_owned();
        if record.url != url {
            // They dial an address where the relay is not any more.
            self.end_agents(directory, supervisors).await?;
            living.clear();
            let record = Record { url, ..record.clone() };
            on_disk(directory, move |directory| directory.write_record(&record)).await?;
        }
        let mut problem = Ok(());
        for name in &record.agents {
            let agent = self.agent(id, directory, name, &record.variables, sandbox.as_ref());
            let process = match living.remove(name) {
                Some(identity) => {
                    info!(workspace_id = %id, agent = %name, pid = identity.pid, "agent adopted");
                    Process::adopt(identity)
                }
                None => match agent.launch() {
                    Ok(process) => {
                        info!(workspace_id = %id, agent = %name, pid = process.pid(), "agent started again");
                        process
                    }
                    Err(error) => {
                        problem = Err(error);
                        continue;
                    }
                },
            };
            supervisors.push(Supervisor::start(&self.tasks, agent, process, self.stop_grace));
        }
        // What is not to run any more.
        for identity in living.into_values() {
            self.end_process(Process::adopt(identity)).await?;
        }
        problem
    }
}
