//! Random operations on a household of chats, against the model, and the invariants after each.

mod check;
mod clients;
mod run;
mod runners;
mod step;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chatmesh_chat::MIGRATIONS;
use chatmesh_db::{Db, DbConfig};
use chatmesh_testkit::{fresh_database, postgres_url, sqlite};
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use tokio::runtime::{self, Runtime};

use crate::world::World;
use run::Run;
use step::{Step, step};

/// How long a sequence is.
const STEPS: usize = 50;
/// They are played at the same time, each on a database of its own.
const SHARDS: u32 = 2;
/// PostgreSQL gets one in this many of the sequences: a round trip to it takes longer.
const POSTGRES_SHARE: u32 = 8;

/// How often each operation was carried out and refused.
type Tally = BTreeMap<String, (u32, u32)>;

/// Plays `cases` sequences, in shards, each on the world that `open` yields for it.
fn play(cases: u32, open: impl AsyncFn(u32) -> World + Sync) {
    let tally = Mutex::new(Tally::new());
    std::thread::scope(|scope| {
        for shard in 0..SHARDS {
            let (open, tally) = (&open, &tally);
            scope.spawn(move || play_shard(cases.div_ceil(SHARDS), async || open(shard).await, tally));
        }
    });
    let tally = tally.into_inner().expect("nobody failed with it");
    for (operation, (done, refused)) in &tally {
        println!("{operation:<32} {done:>8} done {refused:>8} refused");
    }
    let steps: u32 = tally.values().map(|(done, refused)| done + refused).sum();
    println!("{} sequences, {steps} operations", cases.div_ceil(SHARDS) * SHARDS);
}

fn play_shard(cases: u32, open: impl AsyncFnOnce() -> World, tally: &Mutex<Tally>) {
    let runtime = runtime();
    let world = std::cell::RefCell::new(runtime.block_on(open()));
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 512, ..ProptestConfig::default() };
    let last_words = Arc::new(Mutex::new(Vec::new()));
    let result = TestRunner::new(config).run(&prop::collection::vec(step(), STEPS), |steps: Vec<Step>| {
        let mut world = world.borrow_mut();
        runtime.block_on(async {
            let mut run = Run::begin(&mut world, Arc::clone(&last_words)).await;
            for step in &steps {
                run.take(step).await;
            }
            for (name, (done, refused)) in run.end().await {
                let mut tally = tally.lock().expect("nobody failed with it");
                let sum = tally.entry(name).or_default();
                *sum = (sum.0 + done, sum.1 + refused);
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        let reason = match error {
            TestError::Fail(reason, _) => reason.to_string(),
            TestError::Abort(reason) => reason.to_string(),
        };
        let log = last_words.lock().expect("nobody holds it").join("\n");
        panic!("{}: {reason}\nafter\n{log}", world.borrow().engine);
    }
}

/// All on one thread: to pass a statement from thread to thread costs more than the statement.
fn runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// `PROPTEST_CASES` says how many sequences are played.
#[test]
fn random_operations_keep_what_is_promised_on_sqlite() {
    play(ProptestConfig::default().cases, async |_| World::from(sqlite(MIGRATIONS).await));
}

#[test]
fn random_operations_keep_what_is_promised_on_postgres() {
    let Some(server) = postgres_url() else { return };
    // They are created in one place: what creates them belongs to the runtime that saw it first.
    let creator = runtime();
    let urls: Vec<String> = (0..SHARDS).map(|_| creator.block_on(fresh_database(&server))).collect();
    play(ProptestConfig::default().cases.div_ceil(POSTGRES_SHARE), async |shard| {
        let config = DbConfig::Postgres { url: urls[shard as usize].clone(), max_connections: 2 };
        let db = Db::open(&config).await.expect("postgres opens");
        MIGRATIONS.apply(&db).await.expect("migrations apply");
        World::on("postgres", db)
    });
}
