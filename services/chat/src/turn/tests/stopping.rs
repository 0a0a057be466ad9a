//! Turns that are stopped in each of their phases. F3: what was shown live disappears with the stop.

use std::time::Duration;

use super::model::{Reply, told};
use super::world::{World, config};
use crate::Config;
use crate::domain::ChatId;
use crate::machine::Status;
use crate::testing::{eventually, pass};

/// L-T3: the failed attempt is void, and there is nothing to keep.
#[tokio::test(start_paused = true)]
async fn a_pause_between_two_calls_is_stopped_at_once_and_keeps_nothing() {
    let world = World::new().await;
    world.model.then(Reply::text("never mind").breaks());
    let chat = world.chat("go").await;
    world.until(chat, "the pause", |chat| chat.retry_state.is_some()).await;
    world.interrupt(chat).await;
    let stopped = world.ended(chat).await;
    assert_eq!((stopped.status, stopped.retry_state), (Status::Waiting, None));
    assert_eq!(world.shown(chat).await, ["user: go"]);
    assert_eq!(world.model.asked().len(), 1);
}

/// F3: words that were shown stay. L-T3.
#[tokio::test(start_paused = true)]
async fn words_that_were_shown_before_the_stop_are_kept() {
    let world = World::new().await;
    world.model.then(Reply::text("half a sentence").hangs());
    let chat = world.chat("go").await;
    shows(&world, chat, 1).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: half a sentence"]);

    // What comes next is said after it.
    world.say(chat, "on").await;
    world.ended(chat).await;
    assert_eq!(told(&world.model.asked()[1]), ["user: go", "assistant: half a sentence", "user: on"]);
}

/// F3: a result that is there stays, and a call without one is answered. L-T3.
#[tokio::test(start_paused = true)]
async fn a_stop_while_tools_run_keeps_the_results_that_are_there() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("wait", "{}"), ("look", "{}"), ("wait", "{}")]));
    let chat = world.chat("go").await;
    eventually("they run", async || world.hands.called().len(), |calls| *calls == 3).await;
    shows(&world, chat, 10).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let why = "interrupted by the user before the tool returned a result: whether it did anything is not known";
    let interrupted = format!(r#"{{"error":"{why}"}}"#);
    let expected = [
        "user: go".to_owned(),
        "assistant: [wait c-0]".to_owned(),
        "assistant: [look c-1]".to_owned(),
        "assistant: [wait c-2]".to_owned(),
        format!("tool: [c-0 failed: {interrupted}]"),
        "tool: [c-1: {\"saw\":\"c-1\"}]".to_owned(),
        format!("tool: [c-2 failed: {interrupted}]"),
    ];
    assert_eq!(world.shown(chat).await, expected);
}

/// L-T3: a stop that comes while a step is committed finds it committed or not, and keeps it once.
#[tokio::test(start_paused = true)]
async fn a_stop_around_the_commit_keeps_the_step_once() {
    for pause in [0, 50, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400] {
        let world = World::new().await;
        world.model.then(Reply::calls("c", &[("wait", "{}")])).then(Reply::text("more").hangs());
        let chat = world.chat("go").await;
        eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
        world.hands.release("c-0");
        // The commit is a matter of the database's threads, which no paused time holds up.
        let wait = tokio::task::spawn_blocking(move || std::thread::sleep(Duration::from_micros(pause)));
        wait.await.expect("waited");
        world.interrupt(chat).await;
        world.ended(chat).await;
        let shown = world.shown(chat).await;
        assert_eq!(shown[..2], ["user: go", "assistant: [wait c-0]"], "{shown:?}");
        let results = shown.iter().filter(|line| line.starts_with("tool: [c-0")).count();
        assert_eq!(results, 1, "stopped after {pause} µs: {shown:?}");
        assert!(shown.len() <= 4, "{shown:?}");
    }
}

/// F34: a turn that is still being prepared does not hear that it is stopped.
#[tokio::test(start_paused = true)]
async fn a_turn_is_stopped_while_it_is_prepared() {
    let world = World::new().await;
    world.hands.hide();
    let chat = world.chat("go").await;
    eventually("it asks for the tools", async || world.hands.listed(), |listed| *listed == 1).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.model.asked().len(), 0);
}

/// F11: tools that nobody can list hold the chat for ever.
#[tokio::test(start_paused = true)]
async fn tools_that_cannot_be_listed_end_the_turn_after_half_a_minute() {
    let world = World::new().await;
    world.hands.hide();
    let chat = world.chat("go").await;
    let mut waited = 0;
    while world.get(chat).await.status == Status::Running {
        pass(Duration::from_millis(500)).await;
        waited += 1;
        assert!(waited < 2000, "the turn goes on for ever");
    }
    let failed = world.ended(chat).await;
    assert!(failed.last_error.is_some_and(|error| error.message.contains("tools")));
    assert!(world.hands.listed() >= 3, "it was tried again");
    assert_eq!(world.model.asked().len(), 0, "a model is not told that it has no tools in the middle of its work");
}

/// F11: and a chat without a workspace talks on without them.
#[tokio::test(start_paused = true)]
async fn tools_that_cannot_be_listed_do_not_keep_a_chat_without_workspace_from_talking() {
    let world = World::new().await;
    world.hands.hide();
    let chat = world.chat_in(None, "go", &["ask"]).await;
    eventually("it asks for the tools", async || world.hands.listed(), |listed| *listed == 1).await;
    pass(Duration::from_secs(13)).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let offered: Vec<String> = world.model.asked()[0].tools.iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(offered, ["ask"], "the client's tools are known all the same");
}

/// A summary under way is nothing to wait for.
#[tokio::test(start_paused = true)]
async fn a_stop_while_a_summary_is_made_keeps_the_conversation_as_it_is() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("look", "{}")]).tokens(800));
    world.model.then_summarises(Reply::text("half a summ").hangs());
    let chat = world.chat("go").await;
    eventually("asked", async || world.model.asked_to_summarise().len(), |asked| *asked == 1).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: [look c-0]", "tool: [c-0: {\"saw\":\"c-0\"}]"]);
}

/// The end of what a turn may do is no failure.
#[tokio::test(start_paused = true)]
async fn the_most_steps_end_a_turn_in_order() {
    let world = World::with(Config { max_steps: 3, ..config() }).await;
    for step in 0..5 {
        world.model.then(Reply::calls(&format!("s{step}"), &[("look", "{}")]));
    }
    let chat = world.chat("go").await;
    let ended = world.ended(chat).await;
    assert_eq!((ended.status, ended.last_error), (Status::Waiting, None));
    assert_eq!(world.model.asked().len(), 3);
}

/// Waits until the call of the model that is under way shows so many parts.
async fn shows(world: &World, chat: ChatId, parts: usize) {
    let seen = async || {
        let versions = world.get(chat).await.versions;
        let episode = world.state.episodes.find(chat, versions.history, versions.generation_attempt);
        episode.map_or(0, |episode| episode.len())
    };
    eventually("it is shown", seen, |shown| *shown >= parts).await;
}
