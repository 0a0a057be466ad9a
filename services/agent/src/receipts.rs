//! Receipts: what was done under which idempotency key, also after a restart of the agent.
//!
//! A key is claimed before its effect and kept after it. A repeat with the same input gets the
//! receipt, one with another input a conflict; a repeat that comes while the first call is at
//! work waits for it. Receipts hold outcomes only: no command, no environment, no content.
//!
//! They are written to one file in the state directory. The start of a process is announced there
//! before the process begins, so that an agent that comes back never runs it again: a process
//! without an end in the file was lost with the agent. A disk that can not be written to does
//! not stop work; its receipts are then kept in memory only.

mod key;
mod log;
mod queue;
mod record;
mod slots;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Timestamp;
use parking_lot::Mutex;
use tracing::warn;
use uuid::Uuid;

use crate::chat::ChatId;
pub(crate) use key::{Digest, InputDigest, Key};
use log::Log;
pub(crate) use log::OpenError;
use queue::Queue;
use record::Record;
pub(crate) use record::{EditReceipt, EditedFile, Fate, Outcome, ProcessReceipt, Startup};
use slots::{Lookup, Slots};

/// How many receipts are kept; the oldest finished ones go first.
const MAX_RECEIPTS: usize = 4096;
/// How long a repeat waits for the first call with its key.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a disk is waited for.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a key can not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimError {
    /// The key stands for another input.
    #[error("the idempotency key was used before with another input")]
    Conflict,
    /// The first call with the key does not end.
    #[error("another call with the same idempotency key is still at work")]
    Busy,
}

/// What a claim finds.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Nothing: the effect is the caller's to do.
    New(Ticket),
    /// The effect was done before.
    Known(Outcome),
}

/// The receipts of one agent; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Receipts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    slots: Mutex<Slots>,
    queue: Queue,
    log: Log,
}

impl Receipts {
    /// Opens the receipts in `state_dir`, which belongs to this agent alone from here on. Processes
    /// that ran when the last agent ended are lost. Blocks; waits up to `patience` for a former
    /// agent that is still shutting down.
    ///
    /// # Errors
    /// The directory can not be made or written to, or another agent uses it.
    pub(crate) fn open(state_dir: &Path, patience: Duration) -> Result<Self, OpenError> {
        Self::open_with(state_dir, patience, MAX_RECEIPTS)
    }

    fn open_with(state_dir: &Path, patience: Duration, max: usize) -> Result<Self, OpenError> {
        let (log, records) = Log::open(state_dir, patience, max)?;
        let mut slots = Slots::new(max);
        for record in records {
            slots.put(record);
        }
        slots.lose_running();
        log.rewrite(slots.records());
        Ok(Self { inner: Arc::new(Inner { slots: Mutex::new(slots), queue: Queue::default(), log }) })
    }

    /// Returns the receipt for `key`, or the right to do its effect.
    ///
    /// # Errors
    /// The key stands for another input, or its first call takes too long.
    pub(crate) async fn claim(&self, key: Key, digest: Digest) -> Result<Claim, ClaimError> {
        let waiting = async {
            loop {
                let lookup = self.inner.slots.lock().claim(key, digest);
                match lookup {
                    Lookup::Claimed => {
                        let receipts = self.clone();
                        return Ok(Claim::New(Ticket { receipts, key, digest, kept: false }));
                    }
                    Lookup::Kept(outcome) => return Ok(Claim::Known(outcome)),
                    Lookup::Conflict => return Err(ClaimError::Conflict),
                    Lookup::AtWork(done) => done.cancelled().await,
                }
            }
        };
        tokio::time::timeout(CLAIM_TIMEOUT, waiting).await.unwrap_or(Err(ClaimError::Busy))
    }

    /// Gives `key` up: its effect is not done from here on, unless it was done before. Returns the receipt of that.
    ///
    /// # Errors
    /// The first call with the key takes too long.
    pub(crate) async fn cancel(&self, key: Key) -> Result<Option<Outcome>, ClaimError> {
        let record = Record::new(key, InputDigest::default().finish(), Outcome::Canceled);
        let waiting = async {
            loop {
                let lookup = {
                    let mut slots = self.inner.slots.lock();
                    let lookup = slots.look(key);
                    if lookup.is_none() {
                        slots.put(record.clone());
                    }
                    lookup
                };
                match lookup {
                    Some(Lookup::AtWork(done)) => done.cancelled().await,
                    Some(Lookup::Kept(outcome)) => return Some(outcome),
                    Some(Lookup::Claimed | Lookup::Conflict) | None => return None,
                }
            }
        };
        let found = tokio::time::timeout(CLAIM_TIMEOUT, waiting).await.map_err(|_| ClaimError::Busy)?;
        match found {
            Some(outcome) => Ok(Some(outcome).filter(|outcome| *outcome != Outcome::Canceled)),
            None => {
                self.write(record, false).await;
                Ok(None)
            }
        }
    }

    /// True where `key` has a receipt.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.inner.slots.lock().has(key)
    }

    /// Keeps an outcome in the place of the receipt that `key` has.
    pub(crate) async fn replace(&self, key: Key, digest: Digest, outcome: Outcome) {
        let record = Record::new(key, digest, outcome);
        self.inner.slots.lock().put(record.clone());
        self.write(record, false).await;
    }

    /// Returns the receipt of a process that this chat may see.
    pub(crate) fn find_process(&self, id: Uuid, chat: Option<&ChatId>) -> Option<Outcome> {
        self.inner.slots.lock().find_process(id, chat)
    }

    /// Notes that the process that `key` started has ended. Repeats know it when this returns; the
    /// future that it returns writes it down.
    pub(crate) fn process_ended(
        &self,
        key: Key,
        exit_code: i32,
        exit_time: Timestamp,
    ) -> impl Future<Output = ()> + Send + '_ {
        let record = self.inner.slots.lock().end_process(key, exit_code, exit_time);
        async move {
            if let Some(record) = record {
                self.write(record, false).await;
            }
        }
    }

    /// Replaces the outcome of a key, because more is known of it now, and writes it down.
    pub(crate) async fn update(&self, key: Key, outcome: Outcome) {
        let record = self.inner.slots.lock().update(key, outcome);
        if let Some(record) = record {
            self.write(record, true).await;
        }
    }

    async fn write(&self, record: Record, sync: bool) {
        let (written, has_writer) = self.inner.queue.push(record, sync);
        if !has_writer {
            let inner = Arc::clone(&self.inner);
            tokio::task::spawn_blocking(move || inner.write_queued());
        }
        match tokio::time::timeout(WRITE_TIMEOUT, written).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => warn!(%error, "receipt kept in memory only"),
            Ok(Err(_)) | Err(_) => warn!("receipt kept in memory only: the disk does not answer"),
        }
    }
}

impl Inner {
    /// Writes what waits, and what comes meanwhile. Blocks.
    fn write_queued(&self) {
        while let Some(batch) = self.queue.take() {
            let result = self.log.append(batch.records(), batch.sync());
            batch.done(result);
            if self.log.is_long() {
                self.compact();
            }
        }
    }

    /// Leaves out what is superseded. Whoever asks for a receipt meanwhile does not wait for the
    /// disk; whoever writes one does. A record that is newer than the copy waits in the queue, whose
    /// only reader is here, and is written after it.
    fn compact(&self) {
        let records: Vec<_> = self.slots.lock().records().cloned().collect();
        self.log.rewrite(records.iter());
    }
}

/// The right to do the effect of a key; given back when it is dropped before anything was kept.
#[derive(Debug)]
pub(crate) struct Ticket {
    receipts: Receipts,
    key: Key,
    digest: Digest,
    kept: bool,
}

impl Ticket {
    /// Writes down what is about to happen, so that another agent finds it if this one dies. It is
    /// on the disk when this returns; repeats still wait.
    pub(crate) async fn announce(&self, outcome: Outcome) {
        let record = Record::new(self.key, self.digest, outcome);
        self.receipts.inner.slots.lock().announce(record.clone());
        self.receipts.write(record, true).await;
    }

    /// Gives the outcome that was announced to repeats from here on.
    pub(crate) fn publish(mut self, outcome: Outcome) {
        self.kept = true;
        self.receipts.inner.slots.lock().put(Record::new(self.key, self.digest, outcome));
    }

    /// Takes back what was announced, because it did not happen after all.
    pub(crate) async fn forget(self) {
        let record = Record::new(self.key, self.digest, Outcome::Forgotten);
        self.receipts.inner.slots.lock().put(record.clone());
        self.receipts.write(record, false).await;
    }

    /// Keeps an outcome that was not announced.
    pub(crate) async fn keep(mut self, outcome: Outcome) {
        self.kept = true;
        let record = Record::new(self.key, self.digest, outcome);
        self.receipts.inner.slots.lock().put(record.clone());
        self.receipts.write(record, false).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.kept {
            self.receipts.inner.slots.lock().release(self.key);
        }
    }
}

#[cfg(test)]
mod tests;
