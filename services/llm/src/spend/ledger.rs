//! Writes calls down, in batches and behind the calls' backs. Nothing is lost where the process
//! ends in order: what is left is written then, and what comes later is written at once.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_db::DbError;
use chatmesh_runtime::Tasks;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::time::Instant;
use tracing::warn;

use crate::domain::UsageEvent;
use crate::metrics::LlmMetrics;
use crate::store::LedgerStore;

/// How many calls wait to be written. Where the database is slower, calls wait for it at their end.
const QUEUE: usize = 4096;

/// How many are written in one transaction.
const BATCH: usize = 256;

/// How long the first call of a batch waits for others.
const LINGER: Duration = Duration::from_millis(100);

/// How long a call waits for room in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the last calls of a process are tried to be written.
const LAST_TRIES: Duration = Duration::from_secs(8);

/// How often the database may refuse a call before it is given up.
const MAX_REFUSALS: u32 = 5;

/// The way into the ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    queue: mpsc::Sender<UsageEvent>,
    waiting: Mutex<Option<mpsc::Receiver<UsageEvent>>>,
    writer: Arc<Writer>,
}

impl Ledger {
    pub(crate) fn new(store: Arc<dyn LedgerStore>, tasks: Tasks, metrics: LlmMetrics) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writer = Arc::new(Writer { store, tasks, metrics });
        Self { queue, waiting: Mutex::new(Some(waiting)), writer }
    }

    /// Starts to write.
    pub(crate) fn start(&self) {
        if let Some(waiting) = self.waiting.lock().take() {
            let writer = Arc::clone(&self.writer);
            self.writer.tasks.spawn_loop("llm.ledger", async move { writer.run(waiting).await });
        }
    }

    /// Hands a call over, waiting for room where there is none.
    pub(crate) async fn record(&self, event: UsageEvent) {
        match self.queue.send_timeout(event, PATIENCE).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(event)) => self.writer.write(&[event]).await,
            Err(SendTimeoutError::Timeout(event)) => self.writer.lose(&[event], "the queue is full"),
        }
    }

    /// Hands a call over whose caller is gone and waits for nothing.
    pub(crate) fn record_soon(self: &Arc<Self>, event: UsageEvent) {
        let event = match self.queue.try_send(event) {
            Ok(()) => return,
            Err(TrySendError::Full(event) | TrySendError::Closed(event)) => event,
        };
        let ledger = Arc::clone(self);
        self.writer.tasks.spawn("llm.ledger.late", async move { ledger.record(event).await });
    }
}

#[derive(Debug)]
struct Writer {
    store: Arc<dyn LedgerStore>,
    tasks: Tasks,
    metrics: LlmMetrics,
}

impl Writer {
    async fn run(&self, mut waiting: mpsc::Receiver<UsageEvent>) {
        let stop = self.tasks.shutdown().soft().clone();
        let mut batch = Vec::with_capacity(BATCH);
        let mut is_open = true;
        loop {
            tokio::select! {
                () = stop.cancelled(), if is_open => {
                    // What comes from now on is written by the calls themselves.
                    waiting.close();
                    is_open = false;
                    continue;
                }
                taken = waiting.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                }
            }
            if is_open && batch.len() < BATCH {
                tokio::select! {
                    () = tokio::time::sleep(LINGER) => {}
                    () = stop.cancelled() => {}
                }
            }
            while batch.len() < BATCH
                && let Ok(event) = waiting.try_recv()
            {
                batch.push(event);
            }
            self.write(&batch).await;
            batch.clear();
        }
    }

    /// Writes until it is written, or until the process has no more time.
    async fn write(&self, events: &[UsageEvent]) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        let stop = self.tasks.shutdown().soft().clone();
        let mut give_up_at = None;
        let mut refusals = 0;
        loop {
            match self.store.record_usage(events).await {
                Ok(()) => return,
                Err(DbError::Unavailable(error)) => warn!(%error, calls = events.len(), "usage waits to be written"),
                Err(error) if events.len() > 1 => {
                    warn!(%error, calls = events.len(), "usage is written one by one");
                    for event in events {
                        Box::pin(self.write(std::slice::from_ref(event))).await;
                    }
                    return;
                }
                // It may have been in the way of another transaction.
                Err(error) if refusals < MAX_REFUSALS => {
                    refusals += 1;
                    warn!(%error, "a call could not be written");
                }
                Err(error) => return self.lose(events, &error.to_string()),
            }
            if stop.is_cancelled() {
                let give_up_at = *give_up_at.get_or_insert_with(|| Instant::now() + LAST_TRIES);
                if Instant::now() >= give_up_at {
                    return self.lose(events, "the process ends");
                }
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
    }

    fn lose(&self, events: &[UsageEvent], reason: &str) {
        self.metrics.ledger_dropped.inc_by(events.len() as u64);
        for event in events {
            warn!(usage = %event.id, model = %event.model, reason, "usage is lost");
        }
    }
}

#[cfg(test)]
mod tests;
