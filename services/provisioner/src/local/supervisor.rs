//! Keeps an agent of a workspace running.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_runtime::{Shutdown, Tasks};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::agent::Agent;
use super::directory::Directory;
use super::on_disk;
use super::process::Process;

/// The agent's exit code where the relay refused it for good: its build is not the latest any
/// more, or its token is not valid.
const EXIT_REFUSED: i32 = 78;
/// An agent that ran for so long is not one that cannot start.
const STEADY: Duration = Duration::from_secs(60);

/// A task that starts the agent again whenever it ends.
#[derive(Debug)]
pub(super) struct Supervisor {
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Supervisor {
    /// Looks after `process`, which runs `agent`.
    pub(super) fn start(tasks: &Tasks, agent: Agent, process: Process, stop_grace: Duration) -> Self {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let work = Work { agent, stop: stop.clone(), stop_grace, shutdown: tasks.shutdown().clone() };
        let guard = ended.clone().drop_guard();
        tasks.spawn("agent supervisor", async move {
            let _guard = guard;
            work.run(process).await;
        });
        Self { stop, ended }
    }

    /// Asks for the agent's end and does not wait for it.
    pub(super) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Ends the agent, which takes the grace and a little more at most.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

struct Work {
    agent: Agent,
    stop: CancellationToken,
    stop_grace: Duration,
    shutdown: Shutdown,
}

impl Work {
    async fn run(self, process: Process) {
        let (id, name) = (self.agent.id, self.agent.files.name());
        let mut running = Some(process);
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        loop {
            let started = Instant::now();
            if let Some(mut process) = running.take() {
                let code = tokio::select! {
                    code = process.ended() => code,
                    () = self.stop.cancelled() => return self.end(process).await,
                    // The agent lives on; the next provisioner adopts it.
                    () = self.shutdown.hard().cancelled() => return,
                };
                process.clear();
                if code == Some(EXIT_REFUSED) {
                    return self.give_up().await;
                }
                warn!(workspace_id = %id, agent = %name, ?code, "agent ended, starting it again");
            }
            if started.elapsed() >= STEADY {
                backoff.reset();
            }
            tokio::select! {
                () = sleep(backoff.next_pause()) => {}
                () = self.stop.cancelled() => return,
                () = self.shutdown.hard().cancelled() => return,
            }
            match on_disk(&self.agent.directory, Directory::read_record).await {
                Ok(Some(record)) if record.is_to_run(name) => {}
                Ok(_) => return info!(workspace_id = %id, agent = %name, "agent is not to run any more"),
                Err(error) => {
                    warn!(workspace_id = %id, agent = %name, %error, "agent not started");
                    continue;
                }
            }
            match self.agent.launch() {
                Ok(process) => {
                    info!(workspace_id = %id, agent = %name, pid = process.pid(), "agent started again");
                    running = Some(process);
                }
                Err(error) => warn!(workspace_id = %id, agent = %name, %error, "agent not started"),
            }
        }
    }

    async fn end(&self, mut process: Process) {
        tokio::select! {
            ended = process.terminate(self.stop_grace) => if let Err(error) = ended {
                error!(workspace_id = %self.agent.id, %error, "agent not stopped");
            },
            () = self.shutdown.hard().cancelled() => {}
        }
    }

    async fn give_up(&self) {
        warn!(workspace_id = %self.agent.id, "the relay refused the agent for good, not starting it again");
        let name = self.agent.files.name().clone();
        let written = on_disk(&self.agent.directory, move |directory| directory.write_refused(&name));
        if let Err(error) = written.await {
            warn!(workspace_id = %self.agent.id, %error, "refusal not recorded");
        }
    }
}
