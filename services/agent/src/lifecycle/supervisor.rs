//! What runs when.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::SystemClock;
use chatmesh_proto::agent::v1::{LifecycleState, ScriptResult, ScriptStage};
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::error::Error;
use super::manifest::{Manifest, Script};
use super::reports::Reports;
use super::runner::Runner;
use super::script::Run;
use super::session::Session;
use super::state;
use crate::receipts::{Claim, InputDigest, Key, Outcome, Receipts, Startup};

/// How long a relay that is connected has to bring a manifest until nobody waits for scripts any
/// more: one of an older release brings none.
const NO_MANIFEST: Duration = Duration::from_secs(5);
/// How long a script that runs on stop may take, whatever it was given: somebody waits.
const MAX_STOP: Duration = Duration::from_secs(300);

/// Startup and shutdown of the workspace; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    runner: Runner,
    receipts: Receipts,
    reports: Reports,
    manifest: Mutex<Option<Arc<Manifest>>>,
    settled: watch::Sender<bool>,
    drains: watch::Sender<u64>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Lifecycle {
    /// A lifecycle that waits for its manifest.
    pub(crate) fn new(runner: Runner, receipts: Receipts) -> Self {
        let inner = Inner {
            runner,
            receipts,
            reports: Reports::new(),
            manifest: Mutex::new(None),
            settled: watch::Sender::new(false),
            drains: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// True once the scripts that run on start have ended, in whatever way, or nobody said what they are.
    pub(crate) fn settled(&self) -> watch::Receiver<bool> {
        self.inner.settled.subscribe()
    }

    /// Settles the start where a relay is connected and brings no manifest.
    pub(crate) async fn settle_without_manifest(&self, connected: &CancellationToken) {
        connected.cancelled().await;
        tokio::time::sleep(NO_MANIFEST).await;
        if self.inner.manifest.lock().is_none() {
            info!("the relay does not say what runs on start, so nothing waits for it");
            self.inner.settled.send_replace(true);
        }
    }

    /// Counts how often a relay said that it ends soon.
    pub(crate) fn drains(&self) -> watch::Receiver<u64> {
        self.inner.drains.subscribe()
    }

    /// The relay that is connected ends soon.
    pub(super) fn drain(&self) {
        info!("the relay ends soon");
        self.inner.drains.send_modify(|count| *count += 1);
    }

    /// The relay has all reports up to this one.
    pub(super) fn ack(&self, sequence: u64) {
        self.inner.reports.change(|outbox| outbox.ack(sequence));
    }

    /// Begins a session of the relay.
    pub(super) fn session(&self) -> Session {
        Session::begin(self.inner.reports.clone())
    }

    /// Takes the manifest. The first one begins the start; another one of the same build changes nothing.
    pub(super) fn accept(&self, manifest: Manifest) -> Result<(), Error> {
        let mut present = self.inner.manifest.lock();
        if self.inner.stopping.is_cancelled() {
            return Ok(());
        }
        if let Some(present) = &*present {
            if present.build_id == manifest.build_id {
                return Ok(());
            }
            return Err(Error::OtherBuild { present: present.build_id.clone(), given: manifest.build_id });
        }
        let manifest = Arc::new(manifest);
        *present = Some(Arc::clone(&manifest));
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move { inner.begin(manifest).await });
        Ok(())
    }

    /// Interrupts what runs.
    pub(crate) async fn interrupt(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Interrupts what runs and runs what runs on stop. The last state is told before this returns,
    /// where there is a relay to hear it.
    pub(crate) async fn shut_down(&self) {
        let inner = &self.inner;
        inner.stopping.cancel();
        // After the token: a manifest that comes now is not taken any more.
        let manifest = inner.manifest.lock().clone();
        let build_id = manifest.as_ref().map_or("", |manifest| &manifest.build_id);
        inner.reports.set_state(build_id, LifecycleState::ShuttingDown, String::new());
        self.interrupt().await;
        let runs = scripts(manifest.as_deref(), |script| script.on_stop).map(|script| {
            let limit = script.timeout.min(MAX_STOP);
            // There is nobody left who would interrupt it.
            let never = CancellationToken::new();
            async move { inner.run(script, ScriptStage::Stop, limit, &never).await }
        });
        let (results, message) = summary(join_all(runs).await);
        inner.reports.set_state(build_id, state::after_stop(results.into_iter()), message);
        inner.reports.finish(inner.runner.patience.last_report).await;
    }
}

impl Inner {
    /// Runs what runs on start, and then what has a schedule until the shutdown.
    async fn begin(&self, manifest: Arc<Manifest>) {
        self.reports.set_state(&manifest.build_id, LifecycleState::Starting, String::new());
        let (state, message) = self.start(&manifest).await;
        if !self.stopping.is_cancelled() {
            self.reports.set_state(&manifest.build_id, state, message);
        }
        self.settled.send_replace(true);
        let scheduled = scripts(Some(&manifest), |script| script.schedule.is_some());
        join_all(scheduled.map(|script| self.repeat(script))).await;
    }

    async fn repeat(&self, script: &Arc<Script>) {
        let Some(schedule) = &script.schedule else { return };
        // One that is due while the last one still runs is skipped.
        while schedule.wait(&SystemClock, &self.stopping).await {
            // How it ended is in its report.
            let _ = self.run(script, ScriptStage::Cron, script.timeout, &self.stopping).await;
        }
    }

    /// Runs what runs on start, unless that was done for this build.
    async fn start(&self, manifest: &Manifest) -> (LifecycleState, String) {
        if scripts(Some(manifest), |script| script.on_start).next().is_none() {
            return (LifecycleState::Ready, String::new());
        }
        let key = Key::new("Supervise", None, &manifest.build_id);
        let digest = InputDigest::default().field(manifest.build_id.as_bytes()).finish();
        let ticket = match self.receipts.claim(key, digest).await {
            Ok(Claim::New(ticket)) => ticket,
            Ok(Claim::Known(outcome)) => return known(&outcome),
            Err(error) => return (LifecycleState::StartError, error.to_string()),
        };
        let running = Outcome::Startup(Startup::Running);
        ticket.announce(running.clone()).await;
        // Kept from here on, also if this ends early.
        ticket.publish(running);
        let runs = scripts(Some(manifest), |script| script.on_start)
            .map(|script| self.run(script, ScriptStage::Start, script.timeout, &self.stopping));
        let (results, message) = summary(join_all(runs).await);
        let state = state::after_start(results.into_iter());
        if !self.stopping.is_cancelled() {
            let startup = match state {
                LifecycleState::Ready => Startup::Ready,
                LifecycleState::StartTimeout => Startup::Timeout,
                _ => Startup::Error,
            };
            self.receipts.update(key, Outcome::Startup(startup)).await;
        }
        (state, message)
    }

    async fn run(
        &self,
        script: &Arc<Script>,
        stage: ScriptStage,
        limit: Duration,
        stop: &CancellationToken,
    ) -> (ScriptResult, String) {
        let (runner, reports, tasks) = (&self.runner, &self.reports, &self.tasks);
        Run { runner, reports, script, stage, limit, stop, tasks }.run().await
    }
}

fn scripts(manifest: Option<&Manifest>, is_wanted: impl Fn(&Script) -> bool) -> impl Iterator<Item = &Arc<Script>> {
    let scripts = manifest.map_or(&[][..], |manifest| &manifest.scripts);
    scripts.iter().filter(move |script| is_wanted(script))
}

/// What came of all scripts, and what there is to say about those that failed.
fn summary(runs: Vec<(ScriptResult, String)>) -> (Vec<ScriptResult>, String) {
    let (results, messages): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    let messages: Vec<_> = messages.into_iter().filter(|message| !message.is_empty()).collect();
    (results, messages.join("; "))
}

/// The state of a build whose scripts were started before this agent was.
fn known(outcome: &Outcome) -> (LifecycleState, String) {
    let before = "when the scripts of this build ran, before the agent restarted";
    match outcome {
        Outcome::Startup(Startup::Ready) => (LifecycleState::Ready, String::new()),
        Outcome::Startup(Startup::Timeout) => (LifecycleState::StartTimeout, format!("one took too long {before}")),
        Outcome::Startup(Startup::Error) => (LifecycleState::StartError, format!("one failed {before}")),
        other => {
            warn!(?other, "the scripts of this build were begun by a former agent");
            let message = "the agent restarted while the scripts of this build ran, so what came of them is unknown; \
                           they are not run again: look at their logs";
            (LifecycleState::StartError, message.to_owned())
        }
    }
}
