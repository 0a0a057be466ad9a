//! Readers that join, leave, come back and dawdle, on two replicas, while turns go every way that they
//! can go, hints are lost and lines break: whatever happens, they show what the database holds, and at
//! no moment anything twice or anything that was not said.

mod play;
mod script;
mod viewers;

use std::collections::BTreeSet;

use chatmesh_bus::Bus;

use crate::testing::{Faults, Standstill, World, eventually};
use play::Play;

/// How many turns are played where the environment does not say.
const TURNS: u32 = 200;
/// How many of them in one chat.
const TURNS_PER_CHAT: u32 = 5;

/// `CHATMESH_STREAM_TURNS` sets the number of turns.
fn turns() -> u32 {
    let wanted = std::env::var_os("CHATMESH_STREAM_TURNS").and_then(|turns| turns.to_str()?.parse().ok());
    wanted.unwrap_or(TURNS)
}

/// W-T1, W-T2, W-T3: subscribers at random points, with hints lost, doubled and reordered, rebuild the transcript.
#[tokio::test(start_paused = true)]
async fn readers_rebuild_the_transcript_whatever_happens() {
    let _still = Standstill::begin();
    let faults = Faults { cut: 0.1, lost: 0.05, doubled: 0.05 };
    let world = World::with(Bus::unreliable(Bus::memory(), 1), faults).await;
    let replicas = [world.replica().await, world.replica().await];
    let mut seen = BTreeSet::new();
    for seed in 0..turns().div_ceil(TURNS_PER_CHAT) {
        seen.extend(Play::new(&replicas, seed.into()).await.run(TURNS_PER_CHAT).await);
    }
    // What never happened was not tested.
    let all = ["action", "error", "history_reset", "message", "part", "preview_reset", "queue", "retry", "status"];
    assert_eq!(seen, BTreeSet::from(all));
    // F23: what the readers left behind.
    for replica in &replicas {
        eventually("the tasks end", async || replica.state.tasks.running(), Vec::is_empty).await;
        assert_eq!(replica.state.metrics.subscribers.get(), 0);
        assert_eq!(replica.state.relay.kept().episodes, 0);
    }
}
