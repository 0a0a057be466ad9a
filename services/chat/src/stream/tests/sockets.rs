//! Replicas that reach each other over the network.

use crate::testing::{Runner, World, eventually};

/// W-T7: the same over sockets: live parts travel, and a process that dies in the middle of them is replaced.
#[tokio::test]
async fn live_parts_travel_between_processes_and_survive_the_death_of_one() {
    let world = World::new().await;
    let (first, second, viewer) =
        (world.replica_with_port().await, world.replica_with_port().await, world.replica_with_port().await);
    let chat = first.chat("hello").await;
    let mut old = Runner::acquire(&first, chat).await.expect("leased");
    old.attempt().await.expect("called");
    let mut reader = viewer.reader(chat).await;
    let mut said = String::new();
    for n in 0..200 {
        let word = format!("{n} ");
        old.say(&word);
        said.push_str(&word);
    }
    reader.until("what the first one says", |client| client.live_text() == said).await;
    old.commit().await.expect("committed");
    old.attempt().await.expect("called");
    old.say("half a sen");
    reader.until("half of the second answer", |client| client.live_text() == "half a sen").await;

    first.state.tasks.shutdown().force();
    eventually("the first process is gone", async || first.state.tasks.running(), Vec::is_empty).await;
    let mut new = Runner::steal(&second, chat).await.expect("leased");
    new.attempt().await.expect("called");
    new.say("a whole sentence");
    reader.until("what the second one says", |client| client.live_text() == "a whole sentence").await;
    new.commit().await.expect("committed");
    reader.until("the answers", |client| client.seen() == 3).await;
}
