//! Clients whose tools do not answer.

use std::time::Duration;

use super::script::{Plan, answer};
use super::time::eventually;
use super::world::{World, config, without_poll};
use crate::domain::ChatId;
use crate::machine::Status;
use crate::store::{ChatStore as _, Fence};

impl World {
    /// A chat that waits for its client's tool for this many seconds.
    async fn requires_action(&self, seconds: u64) -> ChatId {
        let chat = self.hinted_chat().await;
        let begun = self.begun(chat, 1).await;
        let fence = Fence { chat_id: chat, runner_id: begun.runner, history_version: begun.chat.versions.history };
        let now = self.clock.now();
        let deadline = now + Duration::from_secs(seconds);
        let entered = self.store.enter_requires_action(fence, vec![answer("look")], deadline, now).await;
        self.hints.status_changed(&entered.expect("entered").0).await;
        self.script.plan(chat, Plan::End);
        chat
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_goes_on_without_its_client_when_the_deadline_has_passed() {
    let world = World::new().await;
    let replicas = [world.start(config()).await, world.start(config()).await];
    let replicas: Vec<_> = replicas.iter().collect();
    let chat = world.requires_action(4).await;
    world.pass(3, &replicas).await;
    assert_eq!(world.get(chat).await.status, Status::RequiresAction);
    world.pass(2, &replicas).await;
    // Each may leave the chat to the other at first: they look again a moment later.
    eventually("the next turn has ended", async || {
        tokio::time::advance(Duration::from_millis(1)).await;
        world.get(chat).await.status == Status::Waiting
    })
    .await;
    world.begun(chat, 2).await;
    world.pass(3, &replicas).await;
    assert_eq!(world.script.of(chat).len(), 2, "two workers saw it, one acted");
    assert_eq!(world.texts(chat).await, ["user: begin", "assistant: look [call]", "other: [result]"]);
}

#[tokio::test(start_paused = true)]
async fn many_deadlines_that_pass_at_once_are_all_met() {
    let world = World::new().await;
    let replica = world.start(crate::Config { max_running: 120, ..config() }).await;
    let chats = world.chats(120).await;
    world.hint(chats[0]).await;
    eventually("all have begun", async || world.script.begun().len() == 120).await;
    let now = world.clock.now();
    for begun in world.script.begun() {
        let versions = begun.chat.versions;
        let fence = Fence { chat_id: begun.chat.id, runner_id: begun.runner, history_version: versions.history };
        world.store.enter_requires_action(fence, vec![answer("look")], now, now).await.expect("entered");
        world.script.plan(begun.chat.id, Plan::End);
    }
    world.pass(1, &[&replica]).await;
    for chat in chats {
        eventually("it has ended", async || {
            let status = world.get(chat).await.status;
            if status == Status::RequiresAction {
                return false;
            }
            status == Status::Waiting || pass(&world).await
        })
        .await;
    }
}

async fn pass(_world: &World) -> bool {
    tokio::time::advance(Duration::from_millis(20)).await;
    false
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_waits_for_its_client_takes_no_place() {
    let world = World::new().await;
    let replica = world.start(without_poll()).await;
    world.requires_action(3600).await;
    world.pass(1, &[&replica]).await;
    eventually("its place is free", async || replica.worker.slots.len() == 0).await;
}
