//! Starts, finds and ends processes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_proto::agent::v1 as pb;
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, debug, field, info, info_span, warn};
use uuid::Uuid;

use super::entry::{About, Entry, Snapshot};
use super::environment::Environment;
use super::error::Error;
use super::input::Input;
use super::spawn::{Spawned, spawn};
use super::table::Table;
use super::{supervise, workdir};
use crate::chat::ChatId;
use crate::receipts::{Claim, ClaimError, Fate, Key, Outcome, ProcessReceipt, Receipts, Ticket};
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
    /// How many are known at once; each takes 32 KiB at most.
    pub(crate) known: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(300),
            retention: Duration::from_secs(300),
            drain: Duration::from_secs(5),
            stop: Duration::from_secs(5),
            running: 512,
            known: 1024,
        }
    }
}

/// The processes of the workspace; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    environment: Environment,
    receipts: Receipts,
    touched: Touched,
    limits: Limits,
    table: Mutex<Table>,
    tasks: TaskTracker,
    closing: CancellationToken,
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
        receipts: Receipts,
        touched: Touched,
        limits: Limits,
    ) -> Self {
        let table = Mutex::new(Table::new(limits.running, limits.known));
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        Self { inner: Arc::new(Inner { directory, environment, receipts, touched, limits, table, tasks, closing }) }
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

    /// Lists the processes that `chat` may see, ten at most.
    pub(super) fn list(&self, chat: Option<&ChatId>) -> Vec<pb::Process> {
        let entries = self.inner.table.lock().list(chat);
        entries.iter().map(|entry| entry.to_proto()).collect()
    }

    /// How many processes run.
    pub(crate) fn running(&self) -> usize {
        self.inner.table.lock().running()
    }

    /// Sends a signal to the group of a process.
    pub(super) fn signal(&self, chat: Option<&ChatId>, id: Uuid, signal: Signal) -> Result<(), Error> {
        let entry = self.inner.find(chat, id).map_err(|error| match error {
            Error::Reaped { id, .. } => Error::NotRunning(id),
            error => error,
        })?;
        entry.signal(signal)
    }

    /// Refuses new processes and ends those that run: first asks, then, after `Limits::stop`, kills.
    /// Takes twice `Limits::stop` and `Limits::drain` together at most, as a rule much less.
    pub(crate) async fn close(&self) {
        let running = self.inner.table.lock().close();
        signal_all(&running, Signal::SIGTERM);
        if tokio::time::timeout(self.inner.limits.stop, all_ended(&running)).await.is_err() {
            signal_all(&running, Signal::SIGKILL);
            // The shells are dead, and those that hold their pipes have a deadline of their own.
            let rest = self.inner.limits.drain + self.inner.limits.stop;
            if tokio::time::timeout(rest, all_ended(&running)).await.is_err() {
                warn!("processes do not end");
            }
        }
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    async fn start(self: Arc<Self>, chat: Option<ChatId>, input: Input) -> Result<Started, Error> {
        let Some(key) = input.key(chat.as_ref()) else {
            return self.launch(chat, input, None).await.map(|entry| started(&entry, false));
        };
        match self.receipts.claim(key, input.digest()).await? {
            Claim::Known(outcome) => self.attach(&input, outcome),
            Claim::New(ticket) => {
                let entry = self.launch(chat, input, Some((key, ticket))).await?;
                Ok(started(&entry, false))
            }
        }
    }

    /// The process that an earlier call started, also where only its receipt is left.
    fn attach(&self, input: &Input, outcome: Outcome) -> Result<Started, Error> {
        let Outcome::Process(receipt) = outcome else {
            return Err(Error::Claim(ClaimError::Conflict));
        };
        if let Some(entry) = self.table.lock().get(receipt.id, None) {
            return Ok(started(&entry, true));
        }
        Ok(Started { process: self.reconstruct(&receipt, input), attached: true })
    }

    /// What is known of a process that is not in the table any more.
    fn reconstruct(&self, receipt: &ProcessReceipt, input: &Input) -> pb::Process {
        let default = || self.directory.display().to_string();
        let (exit_code, exit_time) = match receipt.fate {
            Fate::Exited { exit_code, exit_time } => (Some(exit_code), Some(exit_time)),
            Fate::Lost | Fate::Running => (None, None),
        };
        pb::Process {
            id: receipt.id.to_string(),
            command: input.command.clone(),
            workdir: if input.workdir.is_empty() { default() } else { input.workdir.clone() },
            background: input.background,
            running: false,
            exit_code,
            start_time: Some(receipt.start_time.into()),
            exit_time: exit_time.map(Into::into),
            lost: exit_code.is_none(),
        }
    }

    async fn launch(
        self: &Arc<Self>,
        chat: Option<ChatId>,
        input: Input,
        claim: Option<(Key, Ticket)>,
    ) -> Result<Arc<Entry>, Error> {
        let workdir = workdir::resolve(&input.workdir, &self.directory, self.environment.home()).await?;
        self.table.lock().admit()?;
        let (key, ticket) = claim.unzip();
        let env = self.environment.of(&input.env, chat.as_ref());
        let about = About {
            id: SystemIds.next(),
            command: input.command,
            workdir,
            background: input.background,
            chat,
            key,
            start_time: SystemClock.now(),
        };
        let Some(ticket) = ticket else {
            let (spawned, entry, span) = self.spawn(about, env)?;
            return Ok(self.accompany(spawned, entry, span));
        };
        let receipt = Outcome::Process(about.receipt());
        ticket.announce(receipt.clone()).await;
        match self.spawn(about, env) {
            Ok((spawned, entry, span)) => {
                // Repeats find the process in the table, and its end finds the receipt.
                ticket.publish(receipt);
                Ok(self.accompany(spawned, entry, span))
            }
            Err(error) => {
                ticket.forget().await;
                Err(error)
            }
        }
    }

    fn spawn(&self, about: About, env: BTreeMap<OsString, OsString>) -> Result<(Spawned, Arc<Entry>, Span), Error> {
        let span = info_span!("process.run", process.id = %about.id, process.exit.code = field::Empty);
        // The lock is held over the start, so that nothing starts unseen while the agent closes.
        let mut table = self.table.lock();
        table.admit()?;
        let spawned = spawn(&about.command, &about.workdir, env).map_err(Error::Spawn)?;
        let entry = Arc::new(Entry::new(about, spawned.group));
        table.insert(Arc::clone(&entry));
        drop(table);
        self.touched.touch(entry.about.chat.as_ref(), &entry.about.workdir);
        span.in_scope(|| debug!(command = entry.about.command, "process started"));
        Ok((spawned, entry, span))
    }

    /// Accompanies a process on a task, from its start until it is forgotten.
    fn accompany(self: &Arc<Self>, mut spawned: Spawned, entry: Arc<Entry>, span: Span) -> Arc<Entry> {
        let (inner, process) = (Arc::clone(self), Arc::clone(&entry));
        self.tasks.spawn(async move {
            let ended = inner.until_exit(&mut spawned, &process).instrument(span).await;
            let forget = async {
                tokio::time::sleep_until(ended + inner.limits.retention).await;
                inner.table.lock().remove(process.about.id);
            };
            tokio::select! {
                _ = async { tokio::join!(forget, supervise::discard(spawned.output)) } => {}
                () = inner.closing.cancelled() => {}
            }
        });
        entry
    }

    async fn until_exit(&self, spawned: &mut Spawned, entry: &Entry) -> Instant {
        let exit = supervise::until_exit(spawned, entry, &self.limits).await;
        let ended = Instant::now();
        let noted = entry.about.key.map(|key| self.receipts.process_ended(key, exit.code, exit.time));
        entry.exit.send_replace(Some(exit));
        self.touched.touch(entry.about.chat.as_ref(), &entry.about.workdir);
        info!(exit_code = exit.code, "process ended");
        if let Some(noted) = noted {
            noted.await;
        }
        ended
    }

    fn find(&self, chat: Option<&ChatId>, id: Uuid) -> Result<Arc<Entry>, Error> {
        if let Some(entry) = self.table.lock().get(id, chat) {
            return Ok(entry);
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

fn started(entry: &Entry, attached: bool) -> Started {
    Started { process: entry.to_proto(), attached }
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
