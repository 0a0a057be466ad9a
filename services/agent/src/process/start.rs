//! Starts processes, once for each key, and accompanies them until they are forgotten.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_proto::agent::v1 as pb;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug, field, info, info_span};

use super::entry::{About, Entry};
use super::error::Error;
use super::input::Input;
use super::manager::{Inner, Started};
use super::resources::ResourceLimits;
use super::spawn::{Spawned, spawn};
use super::{supervise, workdir};
use crate::chat::ChatId;
use crate::receipts::{Claim, ClaimError, Fate, Key, Outcome, ProcessReceipt, Ticket};

/// What runs commands.
const SHELL: &str = "/bin/sh";

impl Inner {
    pub(super) async fn start(self: Arc<Self>, chat: Option<ChatId>, input: Input) -> Result<Started, Error> {
        let Some(key) = input.key(chat.as_ref()) else {
            return self.launch(chat, input, None).await.map(|entry| started(&entry, false));
        };
        match self.receipts.claim(key, input.digest()).await? {
            Claim::Known(Outcome::Canceled) => Err(Error::Canceled),
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
        let (key, ticket) = claim.unzip();
        let env = self.environment.of(&input.env, chat.as_ref());
        debug!(names = ?input.env.keys().collect::<Vec<_>>(), "variables of the request");
        let about = About {
            id: SystemIds.next(),
            command: input.command,
            workdir,
            background: input.background,
            chat,
            key,
            start_time: SystemClock.now(),
        };
        // Taken before anything is written down: what is refused here leaves no trace.
        let place = Place::take(self)?;
        let Some(ticket) = ticket else {
            let (spawned, entry, span) = self.spawn(about, &input.limits, env, place).await?;
            return Ok(self.accompany(spawned, entry, span));
        };
        let receipt = Outcome::Process(about.receipt());
        ticket.announce(receipt.clone()).await;
        match self.spawn(about, &input.limits, env, place).await {
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

    async fn spawn(
        &self,
        about: About,
        limits: &ResourceLimits,
        env: BTreeMap<OsString, OsString>,
        place: Place<'_>,
    ) -> Result<(Spawned, Arc<Entry>, Span), Error> {
        let span = info_span!("process.run", process.id = %about.id, process.exit.code = field::Empty);
        // Held over the start, so that nothing starts unseen while the agent closes.
        let _open = self.gate.read().await;
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let shell = self.launcher.command(SHELL, ["-c".into(), (&about.command).into()], limits);
        let spawned = spawn(shell, &about.workdir, env).await.map_err(Error::Spawn)?;
        let entry = Arc::new(Entry::new(about, spawned.group));
        place.fill(Arc::clone(&entry));
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
                inner.table.lock().reap(process.about.id);
            };
            tokio::select! {
                _ = async { tokio::join!(forget, supervise::discard(spawned.output)) } => {}
                () = inner.closed.cancelled() => {}
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
}

/// A place in the table for a process that is about to start; given back when it does not.
#[derive(Debug)]
struct Place<'a> {
    inner: &'a Inner,
    is_filled: bool,
}

impl<'a> Place<'a> {
    fn take(inner: &'a Inner) -> Result<Self, Error> {
        inner.table.lock().reserve()?;
        Ok(Self { inner, is_filled: false })
    }

    fn fill(mut self, entry: Arc<Entry>) {
        self.is_filled = true;
        self.inner.table.lock().insert(entry);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_filled {
            self.inner.table.lock().release();
        }
    }
}

fn started(entry: &Entry, attached: bool) -> Started {
    Started { process: entry.to_proto(), attached }
}
