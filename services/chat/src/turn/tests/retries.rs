//! Calls of the model that fail.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::ErrorKind;

use super::model::{Reply, failure, told};
use super::world::{World, config};
use crate::Config;
use crate::domain::{Lease, RunnerId, WorkerId};
use crate::machine::Status;
use crate::store::Fence;
use crate::testing::{eventually, pass};
use crate::worker::Worker;

/// L-T13: a provider that fails for ever holds a chat for ever.
#[tokio::test(start_paused = true)]
async fn the_twenty_fifth_failure_in_a_row_ends_the_turn() {
    let world = World::new().await;
    for _ in 0..25 {
        world.model.then(Reply::overloaded());
    }
    let chat = world.chat("go").await;
    let mut delays = Vec::new();
    for _ in 0..24 {
        delays.push(world.sit_out(chat).await.as_secs());
    }
    let failed = world.ended(chat).await;
    assert_eq!(delays[..8], [1, 2, 4, 8, 16, 32, 60, 60], "a second, doubling to a minute");
    assert!(delays[8..].iter().all(|delay| *delay == 60), "{delays:?}");
    assert_eq!(failed.status, Status::Error);
    let error = failed.last_error.expect("an error");
    assert_eq!((error.kind(), error.retryable), (ErrorKind::Overloaded, true), "it may still pass, later");
    assert_eq!(world.model.asked().len(), 25);
    assert_eq!(world.shown(chat).await, ["user: go"]);
    let metrics = world.metrics();
    let retries = "chatmesh_chat_stream_retries_total{provider=\"House\",model=\"house\",kind=\"overloaded\"} 24";
    assert!(metrics.contains(retries), "{metrics}");
}

/// F26: whoever else tries again multiplies the calls; and a provider that asks for time gets it.
#[tokio::test(start_paused = true)]
async fn one_failure_is_one_more_call_and_not_before_the_provider_wishes() {
    let world = World::new().await;
    let mut busy = failure(ErrorKind::RateLimit, true);
    busy.retry_after_ms = Some(90_000);
    world.model.then(Reply::error(busy)).then(Reply::text("hello"));
    let chat = world.chat("go").await;
    assert_eq!(world.sit_out(chat).await, Duration::from_secs(90));
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.model.asked().len(), 2);
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: hello"]);
}

/// F26: what trying again does not mend is not tried again.
#[tokio::test(start_paused = true)]
async fn a_failure_that_will_not_pass_ends_the_turn_at_once() {
    let world = World::new().await;
    world.model.then(Reply::error(failure(ErrorKind::Auth, false)));
    let chat = world.chat("go").await;
    let failed = world.ended(chat).await;
    assert_eq!(failed.last_error.expect("an error").kind(), ErrorKind::Auth);
    assert_eq!(world.model.asked().len(), 1);
}

/// F10: the words of a failed attempt are joined with those of the next.
#[tokio::test(start_paused = true)]
async fn what_a_broken_answer_said_is_in_no_message() {
    let world = World::new().await;
    world.model.then(Reply::text("never mind").breaks()).then(Reply::text("hello"));
    let chat = world.chat("go").await;
    world.sit_out(chat).await;
    world.ended(chat).await;
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: hello"]);
    assert_eq!(told(&world.model.asked()[1]), ["user: go"], "the model is not told either");
}

/// The count of failures is the chat's and not the process's.
#[tokio::test(start_paused = true)]
async fn whoever_takes_a_chat_over_in_a_pause_waits_for_its_end_and_counts_on() {
    let world = World::new().await;
    for _ in 0..4 {
        world.model.then(Reply::overloaded());
    }
    let chat = world.chat("go").await;
    for _ in 0..3 {
        world.sit_out(chat).await;
    }
    let put_off = world
        .until(chat, "the fourth failure", |chat| chat.retry_state.as_ref().is_some_and(|retry| retry.attempt == 4));
    let put_off = put_off.await;
    pass(Duration::from_secs(3)).await;
    world.kill().await;
    let lease = put_off.lease.expect("a lease");
    let given_back = world.given_back(chat, lease.runner_id).await;
    assert!(given_back.retry_state.is_some(), "the pause is still there");
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    let is_taken = |chat: &crate::Chat| chat.lease.is_some_and(|lease| lease.worker_id == other.worker_id);
    world.until(chat, "the other has it", is_taken).await;

    pass(Duration::from_millis(4900)).await;
    assert_eq!(world.model.asked().len(), 4, "eight seconds are not over");
    pass(Duration::from_millis(200)).await;
    world.ended(chat).await;
    assert_eq!(world.model.asked().len(), 5);
    other.tasks.shutdown().force();
}

/// F37: a summary that the owner wants for a chat whose calls all failed inherits its failures.
#[tokio::test(start_paused = true)]
async fn what_the_owner_wants_begins_with_all_attempts() {
    let config = Config { max_attempts: 2, ..config() };
    let world = World::with(config).await;
    world.model.then(Reply::text("first").tokens(10));
    let chat = world.chat("go").await;
    world.ended(chat).await;
    world.model.then(Reply::overloaded()).then(Reply::overloaded());
    world.say(chat, "and now?").await;
    world.sit_out(chat).await;
    let failed = world.ended(chat).await;
    assert_eq!(failed.status, Status::Error);

    world.model.then_summarises(Reply::overloaded()).then_summarises(Reply::text("all of it"));
    world.compact(chat).await;
    let mut tries = 0;
    while world.model.asked_to_summarise().len() < 2 {
        pass(Duration::from_millis(100)).await;
        tries += 1;
        assert!(tries < 600, "not tried again");
    }
    let summarised = world.ended(chat).await;
    assert_eq!((summarised.status, summarised.last_error), (Status::Waiting, None));
    world.model.then(Reply::overloaded()).then(Reply::text("second"));
    world.say(chat, "go on").await;
    world.sit_out(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
}

/// F40: a time that runs out in the instant of the first part ends a healthy answer. L-T7.
#[tokio::test(start_paused = true)]
async fn a_first_part_at_the_last_moment_is_in_time() {
    let world = World::new().await;
    // The service that calls the provider has half a minute more than the provider.
    world.model.then(Reply::text("hello").late(Duration::from_secs(90)));
    let chat = world.chat("go").await;
    eventually("it is asked", async || world.model.asked().len(), |asked| *asked == 1).await;
    pass(Duration::from_secs(90)).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: hello"]);
}

/// F40: and one that comes later is not waited for.
#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_begin_is_asked_for_again() {
    let world = World::new().await;
    world.model.then(Reply::text("late").late(Duration::from_millis(90_001))).then(Reply::text("hello"));
    let chat = world.chat("go").await;
    eventually("it is asked", async || world.model.asked().len(), |asked| *asked == 1).await;
    pass(Duration::from_secs(90)).await;
    world.sit_out(chat).await;
    world.ended(chat).await;
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: hello"]);
}

/// F40: the time that an answer has to begin does not end it once it has begun.
#[tokio::test(start_paused = true)]
async fn an_answer_that_falls_silent_is_asked_for_again_and_not_before() {
    let world = World::new().await;
    world.model.then(Reply::text("half").hangs()).then(Reply::text("hello"));
    let chat = world.chat("go").await;
    eventually("it is asked", async || world.model.asked().len(), |asked| *asked == 1).await;
    pass(Duration::from_millis(629_900)).await;
    assert!(world.get(chat).await.retry_state.is_none(), "the first part was there in time");
    pass(Duration::from_millis(200)).await;
    let put_off = world.until(chat, "it is put off", |chat| chat.retry_state.is_some()).await;
    assert_eq!(put_off.retry_state.expect("a pause").kind(), ErrorKind::StreamSilenceTimeout);
    world.sit_out(chat).await;
    world.ended(chat).await;
    assert_eq!(world.shown(chat).await, ["user: go", "assistant: hello"]);
}

/// A chat must not be lost with its model.
#[tokio::test(start_paused = true)]
async fn a_chat_whose_model_is_gone_asks_the_default() {
    let world = World::new().await;
    world.model.then(Reply::missing()).then(Reply::text("I am another"));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let models: Vec<String> = world.model.asked().iter().map(|asked| asked.model.clone()).collect();
    assert_eq!(models, ["house", ""]);

    world.model.then(Reply::missing()).then(Reply::missing());
    world.say(chat, "again").await;
    let failed = world.ended(chat).await;
    assert!(failed.last_error.is_some_and(|error| error.message.contains("no such model")), "and there is no default");
}

/// F26: workers that die with a call are no reason to make it for ever.
#[tokio::test(start_paused = true)]
async fn a_call_that_kills_its_workers_is_not_made_for_ever() {
    let world = World::without_worker(Config { max_attempts: 2, ..config() }).await;
    let chat = world.chat("go").await;
    for _ in 0..2 {
        let lease = Lease { worker_id: WorkerId(SystemIds.next()), runner_id: RunnerId(SystemIds.next()) };
        let acquired = world.state.leases.acquire(chat, lease, world.state.clock.now(), Duration::from_secs(60)).await;
        let history_version = acquired.expect("leased").chat.versions.history;
        let fence = Fence { chat_id: chat, runner_id: lease.runner_id, history_version };
        world.state.store.record_attempt(fence, world.state.clock.now()).await.expect("begun");
        world.given_back(chat, lease.runner_id).await;
    }
    Worker::new(Arc::clone(&world.state)).start();
    world.state.hints.changed(&world.get(chat).await).await;
    assert_eq!(world.ended(chat).await.status, Status::Error);
    assert_eq!(world.model.asked(), []);
}
