//! Workers that are gone without a word, or that come back late: what their leases are for.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::harness::{Databases, LONG, Layout, Patient, Servers, Tally, Turn};
use crate::turns::{Handover, Leases, Phase, World};

const PHASES: [Phase; 2] = [Phase::Streaming, Phase::Calling];
/// How many chats there are of each phase.
const CHATS: usize = 8;
const HEARTBEAT: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(4);
/// Until an expired lease is found, on a busy machine.
const SLACK: Duration = Duration::from_secs(4);
/// How long a request may take whose server has just been killed.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

fn layout() -> Layout {
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    Layout::from(Databases::Separate).chat_replicas(2).leases(&seconds(HEARTBEAT), &seconds(LEASE))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chats_of_a_killed_worker_go_on_when_its_leases_expire_and_nobody_else_waits() {
    let Some(servers) = Servers::find() else { return };
    let mut world = World::start(&servers, layout()).await;
    world.begin(&PHASES, CHATS).await;
    let victim = world.busiest().await;
    let leases = Leases::read(&world.db).await;
    world.cluster.kill(victim);
    let taken_over = Cell::new(false);
    let watch = async {
        let handover = leases.watch_handover(&world.db, std::future::ready(())).await;
        taken_over.set(true);
        handover
    };
    let tally = Tally::default();
    let mut client = Patient::new(&world.mesh.api, 0, &tally);
    let mut begun = Vec::new();
    let mut slowest = Duration::ZERO;
    let requests = async {
        while !taken_over.get() {
            let sent = Instant::now();
            begun.push(begin_chat(&mut client, &world, CHATS + begun.len()).await);
            slowest = slowest.max(sent.elapsed());
            sleep(PAUSE).await;
        }
    };
    let (handover, ()) = tokio::join!(watch, requests);
    println!("killed worker, leases of {LEASE:?} renewed every {HEARTBEAT:?}: {handover}");
    println!("  {} chats begun meanwhile, the slowest in {slowest:?}; {}", begun.len(), tally.line());
    check_expiry(&handover);
    assert!(slowest < ANSWER_LIMIT, "a request took {slowest:?}");
    world.cluster.start_again(victim).await;
    for (chat, turns) in begun {
        world.add(chat, turns);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_frozen_for_longer_than_its_leases_changes_nothing() {
    let Some(servers) = Servers::find() else { return };
    let mut world = World::start(&servers, layout()).await;
    world.begin(&PHASES, CHATS).await;
    let victim = world.busiest().await;
    let leases = Leases::read(&world.db).await;
    world.cluster.freeze(victim);
    let handover = leases.watch_handover(&world.db, std::future::ready(())).await;
    println!("frozen worker, leases of {LEASE:?} renewed every {HEARTBEAT:?}: {handover}");
    check_expiry(&handover);
    // What it was about to write, it writes now.
    world.cluster.thaw(victim);
    world.check().await;
    let status = world.cluster.terminate(victim, LONG).await;
    assert!(status.success(), "{victim}: {status}");
}

/// Begins a chat with a short turn.
async fn begin_chat(client: &mut Patient, world: &World, number: usize) -> (String, Vec<Turn>) {
    let mut turns = Phase::Queueing.turns(number);
    turns.truncate(1);
    let chat = client.create_chat(Phase::Queueing.model(), world.workspace(), &turns[0].said).await;
    (chat, turns)
}

/// Nobody takes a lease that still holds, and nobody waits long when it does not.
fn check_expiry(handover: &Handover) {
    let earliest = LEASE - HEARTBEAT.mul_f32(1.5);
    assert!(handover.quickest() > earliest, "before the leases expired: {handover:#?}");
    assert!(handover.slowest() < LEASE + SLACK, "long after the leases expired: {handover:#?}");
}
