//! The writer against stores that are slow, away, or refuse.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use chatmesh_proto::common::v1::{ErrorKind, Usage};
use prometheus_client::registry::Registry;

use super::*;
use crate::domain::{Outcome, UsageId};
use crate::store::{DebugRow, Grouping, Summary, UsageFilter};

/// A store that refuses some calls and keeps the others.
#[derive(Debug, Default)]
struct Store {
    kept: Mutex<Vec<UsageId>>,
    /// How many transactions fail first.
    fails: AtomicU32,
    /// A call that is always refused.
    poison: Mutex<Option<UsageId>>,
}

#[async_trait]
impl LedgerStore for Store {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), DbError> {
        let is_poisoned = self.poison.lock().is_some_and(|poison| events.iter().any(|event| event.id == poison));
        let fails = self.fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if is_poisoned || fails {
            return Err(DbError::inconsistent("id", "refused"));
        }
        self.kept.lock().extend(events.iter().map(|event| event.id));
        Ok(())
    }

    async fn list_usage(&self, _: &UsageFilter, _: Option<UsageId>, _: u32) -> Result<Vec<UsageEvent>, DbError> {
        Ok(Vec::new())
    }

    async fn summarize_usage(
        &self,
        _: Grouping,
        _: &UsageFilter,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<Summary>, DbError> {
        Ok(Vec::new())
    }

    async fn debug_record(&self, _: UsageId) -> Result<Option<DebugRow>, DbError> {
        Ok(None)
    }

    async fn purge_debug(&self, _: Timestamp) -> Result<u64, DbError> {
        Ok(0)
    }
}

fn event() -> UsageEvent {
    UsageEvent {
        id: UsageId(SystemIds.next()),
        created_at: SystemClock.now(),
        user_id: None,
        chat_id: None,
        model: String::new(),
        provider: String::new(),
        key_id: None,
        usage: Usage::default(),
        usage_estimated: false,
        cost_micros: None,
        first_part_ms: None,
        duration_ms: 0,
        outcome: Outcome::Finished,
        error_kind: ErrorKind::Unspecified,
        attempts: 1,
        source: String::new(),
        reservation: None,
        debug: None,
    }
}

struct World {
    store: Arc<Store>,
    tasks: Tasks,
    metrics: LlmMetrics,
    ledger: Arc<Ledger>,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(Store::default());
        let tasks = Tasks::new();
        let metrics = LlmMetrics::register(&mut Registry::default());
        let ledger = Arc::new(Ledger::new(Arc::clone(&store) as _, tasks.clone(), metrics.clone()));
        Self { store, tasks, metrics, ledger }
    }

    async fn end(&self) {
        self.tasks.shutdown().begin();
        assert!(self.tasks.wait(Duration::from_secs(60)).await, "the writer ends");
    }

    fn kept(&self) -> Vec<UsageId> {
        let mut kept = self.store.kept.lock().clone();
        kept.sort();
        kept
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_process_ends_is_written_and_what_comes_later_too() {
    let world = World::new();
    world.ledger.start();
    let events: Vec<_> = (0..1000).map(|_| event()).collect();
    for event in &events[..998] {
        world.ledger.record(event.clone()).await;
    }
    world.end().await;
    // Calls that end after the writer did.
    world.ledger.record(events[998].clone()).await;
    world.ledger.record_soon(events[999].clone());
    assert!(world.tasks.wait(Duration::from_secs(60)).await);
    let expected: Vec<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(world.kept(), expected);
    assert_eq!(world.metrics.ledger_dropped.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_fails_for_a_while_loses_nothing() {
    let world = World::new();
    world.store.fails.store(4, Ordering::Relaxed);
    world.ledger.start();
    let event = event();
    world.ledger.record(event.clone()).await;
    world.end().await;
    assert_eq!(world.kept(), [event.id]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_written_does_not_keep_the_others() {
    let world = World::new();
    let events = [event(), event(), event()];
    *world.store.poison.lock() = Some(events[1].id);
    for event in &events {
        world.ledger.record(event.clone()).await;
    }
    world.ledger.start();
    world.end().await;
    assert_eq!(world.kept(), [events[0].id, events[2].id]);
    assert_eq!(world.metrics.ledger_dropped.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_room_and_not_for_ever() {
    let world = World::new();
    for _ in 0..QUEUE {
        world.ledger.record(event()).await;
    }
    let began = Instant::now();
    world.ledger.record(event()).await;
    assert_eq!((began.elapsed(), world.metrics.ledger_dropped.get()), (PATIENCE, 1));
    world.ledger.record_soon(event());
    world.ledger.start();
    world.end().await;
    assert_eq!(world.kept().len(), QUEUE + 1);
}
