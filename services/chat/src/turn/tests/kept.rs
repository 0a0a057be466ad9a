//! Turns that another worker goes on with.

use std::time::Duration;

use super::model::{Reply, told};
use super::world::World;
use crate::machine::Status;
use crate::testing::{eventually, pass};

/// A tool that did something does not do it twice, and the model is not paid for twice.
#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_while_tools_run_leaves_their_answer_and_their_keys() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("wait", "{}"), ("look", "{}")]).tokens(10));
    let chat = world.chat("go").await;
    eventually("they run", async || world.hands.called().len(), |calls| *calls == 2).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    let given_back = world.given_back(chat, lease.runner_id).await;
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    eventually("they run again", async || world.hands.called().len(), |calls| *calls == 4).await;
    world.hands.release("c-0");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);

    let called = world.hands.called();
    let keys = |from: usize| {
        let mut keys: Vec<String> = called[from..from + 2].iter().map(|call| call.idempotency_key.clone()).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys(0), keys(2));
    assert_eq!(keys(0), [format!("{chat}/2/c-0"), format!("{chat}/2/c-1")], "the number of the answer to come");
    assert_eq!(world.model.asked().len(), 2, "the step and the end");
    assert_eq!(world.shown(chat).await.len(), 6);
    other.tasks.shutdown().force();
}

/// Rows that are inserted for other reasons change the number of the next answer, and the key with it.
#[tokio::test(start_paused = true)]
async fn a_key_names_the_message_that_the_answer_becomes() {
    let world = World::new().await;
    // The same identifier, as providers without any of their own have it.
    world.model.then(Reply::calls("c", &[("ask", "{}")])).then(Reply::calls("c", &[("look", "{}")]));
    let chat = world.chat_with_tools("go", &["ask"]).await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    // A synthetic result stands where the client's was to be.
    world.interrupt(chat).await;
    world.ended(chat).await;
    let messages = world.messages(chat).await;
    let answer = messages.iter().rfind(|message| !super::super::answer::goes_on(&message.body)).expect("an answer");
    assert_eq!(answer.id, 6, "{messages:#?}");
    assert_eq!(world.hands.called()[0].idempotency_key, format!("{chat}/4/c-0"));
}

/// Those who watch see what was said before the worker changed.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_up_is_shown_again() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("wait", "{}")]).and_text("one moment"));
    let chat = world.chat("go").await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    let given_back = world.given_back(chat, lease.runner_id).await;
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    let live = async || {
        let versions = world.get(chat).await.versions;
        other.episodes.find(chat, versions.history, versions.generation_attempt).map_or(0, |episode| episode.len())
    };
    eventually("it is shown", live, |parts| *parts == 2).await;
    world.hands.release("c-0");
    world.ended(chat).await;
    assert_eq!(told(&world.model.asked()[1]).len(), 4);
    other.tasks.shutdown().force();
}

/// F4: what was said, shown and paid for is lost with a service that is away.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_up_stays_where_its_tools_cannot_be_reached_any_more() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("wait", "{}")]).and_text("one moment"));
    let chat = world.chat("go").await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    world.hands.hide();
    let given_back = world.given_back(chat, lease.runner_id).await;
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    let mut waited = Duration::ZERO;
    while world.get(chat).await.status == Status::Running {
        pass(Duration::from_secs(1)).await;
        waited += Duration::from_secs(1);
        assert!(waited < Duration::from_secs(300), "the turn does not end");
    }
    assert_eq!(world.ended(chat).await.status, Status::Error);
    let shown = world.shown(chat).await;
    assert_eq!(shown[..3], ["user: go", "assistant: [wait c-0]", "assistant: one moment"]);
    assert!(shown[3].starts_with("tool: [c-0 failed") && shown[3].contains("is not known"), "{shown:?}");
    assert_eq!(world.model.asked().len(), 1);
    other.tasks.shutdown().force();
}

/// An answer that cannot be stored would be asked for, and paid for, again and again.
#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_stored_ends_the_turn() {
    let world = World::new().await;
    world.refuse_answers().await;
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Error);
    assert_eq!(world.model.asked().len(), 1);
    assert!(world.get(chat).await.last_error.is_some_and(|error| error.message.contains("inside chatmesh")));
}
