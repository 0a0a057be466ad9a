//! Tools that the client runs.

use std::time::Duration;

use chatmesh_bus::Listener;
use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_proto::common::v1::FinishReason;

use super::hands::NAMES;
use super::model::{Reply, told};
use super::world::{World, config};
use crate::Config;
use crate::hints;
use crate::machine::Status;
use crate::testing::{eventually, pass};

/// Scenario 10: two tools of the client and one of the mesh.
#[tokio::test(start_paused = true)]
async fn only_the_clients_calls_wait_and_the_turn_goes_on_with_their_results() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("ask", "{}"), ("look", "{}"), ("tell", "{}")])).then(Reply::text("thanks"));
    let chat = world.chat_with_tools("go", &["ask", "tell"]).await;
    let waiting = world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    assert_eq!(waiting.lease, None, "it costs nobody a place");
    let left = waiting.action_deadline_at.expect("a deadline") - world.state.clock.now();
    assert_eq!(left.to_std(), Ok(Duration::from_secs(300)));
    let shown = world.shown(chat).await;
    let expected = [
        "user: go",
        "assistant: [ask c-0]",
        "assistant: [look c-1]",
        "assistant: [tell c-2]",
        "tool: [c-1: {\"saw\":\"c-1\"}]",
    ];
    assert_eq!(shown, expected);
    assert_eq!(world.hands.call_ids(), ["c-1"], "the mesh runs no tool of the client");

    world.submit(chat, &["c-2", "c-0"]).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let asked = told(&world.model.asked()[1]);
    let results = ["tool: [result c-1]", "tool: [result c-0]", "tool: [result c-2]"];
    assert_eq!(asked[4..], results, "{asked:?}");
    assert_eq!(world.shown(chat).await.last().map(String::as_str), Some("assistant: thanks"));
}

#[tokio::test(start_paused = true)]
async fn lists_are_told_that_a_client_has_to_act() {
    let world = World::new().await;
    let chat = world.chat_with_tools("go", &["ask"]).await;
    world.ended(chat).await;
    world.model.then(Reply::calls("c", &[("ask", "{}")]));
    let owner = world.get(chat).await.owner_id;
    let mut listener = Listener::open(&world.state.bus, hints::of_owner(owner)).await;
    world.say(chat, "again").await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    let mut kinds = Vec::new();
    while !kinds.contains(&WatchKind::ActionRequired) {
        let chatmesh_bus::Hint::Message { payload, .. } = listener.next().await else { panic!("a gap") };
        kinds.extend(hints::read_listed(&payload).map(|(_, kind)| kind));
    }
    // The end of the turn before may be told of late.
    assert!(kinds.ends_with(&[WatchKind::StatusChange, WatchKind::ActionRequired]), "{kinds:?}");
}

/// The deadline is a result like another, and the model is asked what to do about it.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_in_time_is_gone_on_without() {
    let world = World::with(Config { poll_interval: Duration::from_secs(1), ..config() }).await;
    world.model.then(Reply::calls("c", &[("ask", "{}")])).then(Reply::text("then not"));
    let chat = world.chat_with_tools("go", &["ask"]).await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    let mut waited = Duration::ZERO;
    while world.get(chat).await.status == Status::RequiresAction {
        pass(Duration::from_secs(1)).await;
        waited += Duration::from_secs(1);
        assert!(waited < Duration::from_secs(330), "nobody looks at the deadline");
    }
    assert!(waited >= Duration::from_secs(299), "{waited:?}");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let shown = world.shown(chat).await;
    assert!(shown[2].starts_with("tool: [c-0 failed"), "{shown:?}");
    assert_eq!(shown[3], "assistant: then not");
}

/// A name that the mesh has is the mesh's, whatever the client calls its own.
#[tokio::test(start_paused = true)]
async fn a_tool_of_the_client_does_not_take_the_place_of_one_of_the_mesh() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("look", "{}")]));
    let chat = world.chat_with_tools("go", &["look", "ask"]).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.hands.call_ids(), ["c-0"]);
    let offered: Vec<String> = world.model.asked()[0].tools.iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(offered, [&NAMES[..], &["ask"]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_client_that_is_no_call_does_not_wait() {
    let world = World::new().await;
    world.model.then(Reply::calls("a", &[("ask", "{\"half\":")]));
    world.model.then(Reply::calls("b", &[("ask", "{}")]).because(FinishReason::Length));
    world.model.then(Reply::calls("c", &[("ask", "{}")]).because(FinishReason::Stop));
    let chat = world.chat_with_tools("go", &["ask"]).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let shown = world.shown(chat).await;
    for (line, why) in [(2, "not a JSON object"), (4, "token limit"), (6, "at its end")] {
        assert!(shown[line].contains("failed") && shown[line].contains(why), "{why}: {shown:#?}");
    }
    assert_eq!(world.model.asked().len(), 3, "cut calls are told to the model, stray ones are not");
}

/// What is before the step is summarised, and the step itself stays: its calls wait for their results.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_too_long_where_the_client_has_to_act_is_summarised_before_the_step() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").tokens(100));
    let chat = world.chat_with_tools("hi", &["ask"]).await;
    world.ended(chat).await;
    world.model.then(Reply::calls("c", &[("ask", "{}"), ("look", "{}")]).tokens(800));
    world.model.then(Reply::text("thanks").tokens(100));
    world.say(chat, "do it").await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    assert_eq!(world.model.asked_to_summarise().len(), 1);
    world.submit(chat, &["c-0"]).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let asked = told(&world.model.asked()[2]);
    assert!(asked[0].contains("a summary"), "{asked:?}");
    let rest =
        ["user: do it", "assistant: [call c-0]", "assistant: [call c-1]", "tool: [result c-1]", "tool: [result c-0]"];
    assert_eq!(asked[1..], rest);
    let shown = world.shown(chat).await;
    assert_eq!(shown.iter().filter(|line| *line == "user: do it").count(), 1, "{shown:?}");
}

/// Those who watch keep what they see until it is committed.
#[tokio::test(start_paused = true)]
async fn a_step_stays_in_view_while_what_was_before_it_is_summarised() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").tokens(100));
    let chat = world.chat_with_tools("hi", &["ask"]).await;
    world.ended(chat).await;
    world.model.then(Reply::calls("c", &[("ask", "{}"), ("look", "{}")]).tokens(800));
    world.model.then_summarises(Reply::text("in short").late(Duration::from_secs(5)));
    world.say(chat, "do it").await;
    eventually("asked", async || world.model.asked_to_summarise().len(), |asked| *asked == 1).await;
    let versions = world.get(chat).await.versions;
    let episode = world.state.episodes.find(chat, versions.history, versions.generation_attempt).expect("an episode");
    assert_eq!(episode.len(), 4, "two calls, one result, and the summary that is being written");
    pass(Duration::from_secs(5)).await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
}

/// F18: results of nobody, and a message that comes between a call and its result.
#[tokio::test(start_paused = true)]
async fn a_stop_instead_of_results_is_told_to_the_model() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("ask", "{}")])).then(Reply::text("never mind"));
    let chat = world.chat_with_tools("go", &["ask"]).await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(told(&world.model.asked()[1]), ["user: go", "assistant: [call c-0]", "tool: [result c-0]"]);
}
