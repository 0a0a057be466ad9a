//! Starts, finds and ends processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use tokio::sync::RwLock;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, warn};
use uuid::Uuid;

use super::entry::{Entry, Snapshot};
use super::environment::Environment;
use super::error::Error;
use super::input::Input;
use super::launch::Launcher;
use super::table::Table;
use super::viewer::Viewer;
use crate::chat::ChatId;
use crate::receipts::{Fate, Key, Outcome, Receipts};
use crate::touched::Touched;

/// Bounds of time and number.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How long one wait lasts at most.
    pub(crate) wait: Duration,
    /// How long an ended process can be looked at.
    pub(crate) retention: Duration,
    /// How long children that hold the output open are waited for after the shell's end.
    pub(crate) drain: Duration,
    /// How long processes have to end by themselves when the agent shuts down.
    pub(crate) stop: Duration,
    /// How many may run at once.
    pub(crate) running: usize,
    /// How many are known at once; each takes 32 KiB at most, and 256 KiB more while somebody
    /// watches what it writes.
    pub(crate) known: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(300),
            retention: Duration::from_secs(300),
            drain: Duration::from_secs(5),
            stop: Duration::from_secs(5),
            running: 2048,
            known: 3072,
        }
    }
}

/// The processes of the workspace; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) directory: PathBuf,
    pub(super) environment: Environment,
    pub(super) launcher: Launcher,
    pub(super) receipts: Receipts,
    pub(super) limits: Limits,
    pub(super) table: Mutex<Table>,
    pub(super) tasks: TaskTracker,
    pub(super) touched: Touched,
    /// Shared by starts that are in progress; had alone by the one who closes.
    pub(super) gate: RwLock<()>,
    /// No process starts any more.
    pub(super) closing: CancellationToken,
    /// No process runs any more.
    pub(super) closed: CancellationToken,
}

/// A process that a caller asked for.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) process: pb::Process,
    /// An earlier call had started it.
    pub(super) attached: bool,
}

impl Manager {
    /// A manager without processes, which run in `directory` by default.
    pub(crate) fn new(
        directory: PathBuf,
        environment: Environment,
        launcher: Launcher,
        receipts: Receipts,
        touched: Touched,
        limits: Limits,
    ) -> Self {
        let inner = Inner {
            directory,
            environment,
            launcher,
            receipts,
            table: Mutex::new(Table::new(limits.running, limits.known)),
            limits,
            tasks: TaskTracker::new(),
            touched,
            gate: RwLock::new(()),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a process, or finds the one that was started under the same key.
    pub(super) async fn start(&self, chat: Option<ChatId>, input: Input) -> Result<Started, Error> {
        let inner = Arc::clone(&self.inner);
        // On a task of its own: a caller that goes away must not leave half a start behind.
        let start = async move { inner.start(chat, input).await };
        let started = self.inner.tasks.spawn(start.in_current_span()).await;
        started.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Waits until a process has ended, `timeout` at most, and returns what it wrote so far.
    pub(super) async fn wait(&self, chat: Option<&ChatId>, id: Uuid, timeout: Duration) -> Result<Snapshot, Error> {
        let entry = self.inner.find(chat, id)?;
        entry.wait(timeout.min(self.inner.limits.wait)).await;
        Ok(entry.snapshot())
    }

    /// Follows a process; what it writes from the byte `output_from` on, too, where that is given.
    pub(super) fn watch(&self, chat: Option<&ChatId>, id: Uuid, output_from: Option<u64>) -> Result<Viewer, Error> {
        Ok(Viewer::new(self.inner.find(chat, id)?, output_from))
    }

    /// Lists the processes that `chat` may see, ten at most.
    pub(super) fn list(&self, chat: Option<&ChatId>) -> Vec<pb::Process> {
        let entries = self.inner.table.lock().list(chat);
        entries.iter().map(|entry| entry.to_proto()).collect()
    }

    /// How many processes run.
    pub(crate) fn running(&self) -> usize {
        self.inner.table.lock().count_running()
    }

    /// Sends a signal to the group of a process.
    pub(super) fn signal(&self, chat: Option<&ChatId>, id: Uuid, signal: Signal) -> Result<(), Error> {
        let entry = self.inner.find(chat, id).map_err(|error| match error {
            Error::Reaped { id, .. } => Error::NotRunning(id),
            error => error,
        })?;
        entry.signal(signal)
    }

    /// Gives up the start of a process: one that runs in the foreground is asked to end, and one that was not started
    /// is not started any more.
    pub(super) async fn cancel(&self, chat: Option<&ChatId>, key: Key) -> Result<pb::CancelProcessResponse, Error> {
        let Some(Outcome::Process(receipt)) = self.inner.receipts.cancel(key).await? else {
            return Ok(pb::CancelProcessResponse::default());
        };
        let entry = self.inner.table.lock().get(receipt.id, chat);
        let signaled = match entry.filter(|entry| !entry.about.background).map(|entry| entry.signal(Signal::SIGTERM)) {
            Some(Ok(())) => true,
            Some(Err(Error::NotRunning(_))) | None => false,
            Some(Err(error)) => return Err(error),
        };
        Ok(pb::CancelProcessResponse { process_id: receipt.id.to_string(), signaled })
    }

    /// Refuses new processes and ends those that run: first asks, then, after `Limits::stop`, kills.
    /// Takes four times `Limits::stop` and `Limits::drain` together at most, as a rule much less.
    pub(crate) async fn close(&self) {
        self.inner.table.lock().close();
        self.inner.closing.cancel();
        // A start takes milliseconds, where its disk does not hang.
        let stop = self.inner.limits.stop;
        if timeout(stop, self.inner.gate.write()).await.is_err() {
            warn!("processes that are being started do not start");
        }
        let running = self.inner.table.lock().running();
        signal_all(&running, Signal::SIGTERM);
        if timeout(stop, all_ended(&running)).await.is_err() {
            signal_all(&running, Signal::SIGKILL);
            // The shells are dead, and those that hold their pipes have a deadline of their own.
            let rest = self.inner.limits.drain + stop;
            if timeout(rest, all_ended(&running)).await.is_err() {
                warn!("processes do not end");
            }
        }
        self.inner.closed.cancel();
        self.inner.tasks.close();
        if timeout(stop, self.inner.tasks.wait()).await.is_err() {
            // What began after all.
            signal_all(&self.inner.table.lock().running(), Signal::SIGKILL);
        }
    }
}

impl Inner {
    fn find(&self, chat: Option<&ChatId>, id: Uuid) -> Result<Arc<Entry>, Error> {
        {
            let table = self.table.lock();
            if let Some(entry) = table.get(id, chat) {
                return Ok(entry);
            }
            if let Some(exit_code) = table.reaped(id, chat) {
                return Err(Error::Reaped { id, exit_code });
            }
        }
        let Some(Outcome::Process(receipt)) = self.receipts.find_process(id, chat) else {
            return Err(Error::NotFound(id));
        };
        Err(match receipt.fate {
            Fate::Exited { exit_code, .. } => Error::Reaped { id, exit_code },
            Fate::Lost => Error::Lost(id),
            Fate::Running => Error::NotFound(id),
        })
    }
}

fn signal_all(entries: &[Arc<Entry>], signal: Signal) {
    for entry in entries {
        match entry.signal(signal) {
            Ok(()) | Err(Error::NotRunning(_)) => {}
            Err(error) => warn!(process.id = %entry.about.id, %error, "process not signalled"),
        }
    }
}

async fn all_ended(entries: &[Arc<Entry>]) {
    for entry in entries {
        entry.wait(Duration::MAX).await;
    }
}
