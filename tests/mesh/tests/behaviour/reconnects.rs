//! A client whose connection breaks again and again.

use std::time::Duration;

use chatmesh_mesh_tests::{Client, Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

const SEEDS: u64 = 20;
/// The most events that are read before the connection breaks.
const MAX_EVENTS: usize = 12;

/// A turn of several steps: texts in small pieces, calls and their results.
fn turn() -> Script {
    let call = json!({"command": "true"});
    let steps = [
        Step::text("First I look around in two ways.").call("execute", call.clone()).call("execute", call.clone()),
        Step::calls().reasoning("That was not enough.").call("execute", call),
        Step::text("Now I know, and say so at some length, so that there is something to break off."),
    ];
    let slow = |step: Step| step.delta_characters(4).delta_delay(Duration::from_millis(3));
    steps.into_iter().fold(Script::new("model").per_turn(), |script, step| script.step(slow(step)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_the_same_wherever_the_connection_broke() {
    Mesh::run(vec![turn()], async |mesh| {
        join_all((0..SEEDS).map(|seed| follow_with_breaks(mesh.admin(), seed))).await;
    })
    .await;
}

async fn follow_with_breaks(client: &Client, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let chat = client.chat("model", "Find out.").await;
    let mut transcript = Transcript::default();
    let mut connections = 0;
    while !transcript.is_idle() {
        connections += 1;
        transcript.reconnect();
        let mut events = client.follow(&chat, transcript.seen()).await;
        for _ in 0..random.random_range(1..=MAX_EVENTS) {
            transcript.apply(&events.next().await.expect("the stream goes on"));
            if transcript.is_idle() {
                break;
            }
        }
    }
    let stored = client.messages(&chat).await;
    assert_eq!(transcript.messages(), stored, "seed {seed}, {connections} connections");
    assert_eq!(stored.len(), 7, "seed {seed}");
}
