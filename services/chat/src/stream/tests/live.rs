//! What a model says before it is committed.

use std::time::Duration;

use crate::parts::EpisodeKey;
use crate::stream::subscriber::POLL_INTERVAL;
use crate::testing::{Runner, Standstill, World, pass};

/// F8: whoever comes back in the middle of a step, or after it, is shown nothing twice (W-T3).
#[tokio::test(start_paused = true)]
async fn a_reconnect_in_the_middle_of_a_step_shows_no_text_twice() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    let mut reader = replica.reader(chat).await;
    let mut said = String::new();
    for n in 0..30 {
        let word = format!("{n} ");
        runner.say(&word);
        said.push_str(&word);
        if n % 7 == 3 {
            reader.drop_connection();
            reader.connect(&replica).await;
        }
        let shown = said.clone();
        reader.until("all that was said", move |client| client.live_text() == shown).await;
    }
    runner.commit().await.expect("committed");
    reader.until("the answer", |client| client.seen() == 2).await;
    assert_eq!(reader.client.live, []);

    // What is committed is not said again to whoever comes now.
    let mut late = replica.reader(chat).await;
    late.until("the answer", |client| client.seen() == 2).await;
    pass(POLL_INTERVAL).await;
    late.read(usize::MAX);
    assert_eq!(late.kinds(), ["message", "message", "status"]);
}

/// F9: during a pause between two calls, whoever comes sees the pause and nothing of the call that failed (W-T4).
#[tokio::test(start_paused = true)]
async fn a_late_joiner_sees_the_pause_and_not_what_the_failed_call_said() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("void");
    let mut early = replica.reader(chat).await;
    early.until("the first try", |client| client.live_text() == "void").await;
    runner.retry("the line broke").await.expect("kept");
    early.until("the pause", |client| client.retry.is_some()).await;
    assert_eq!(early.client.live, [], "what the failed call said is void");

    let mut late = replica.reader(chat).await;
    late.until("the pause", |client| client.retry.is_some()).await;
    pass(POLL_INTERVAL).await;
    late.read(usize::MAX);
    assert_eq!(late.kinds(), ["message", "status", "retry"]);

    runner.attempt().await.expect("called");
    for reader in [&mut early, &mut late] {
        reader.until("the pause is over", |client| client.retry.is_none()).await;
    }
    runner.say("said");
    runner.commit().await.expect("committed");
    for reader in [&mut early, &mut late] {
        reader.until("the answer", |client| client.seen() == 2).await;
        assert_eq!(reader.client.retry, None);
    }
}

/// F10: what a failed call said is not followed by what the next one says.
#[tokio::test(start_paused = true)]
async fn the_text_of_a_failed_call_is_not_continued_by_the_next_one() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("one ");
    let mut reader = replica.reader(chat).await;
    reader.until("the first try", |client| client.live_text() == "one ").await;
    // Also where nobody heard of the pause in between: the client refuses parts of two calls.
    runner.chat = replica.state.store.record_attempt(runner.fence(), replica.now()).await.expect("counted");
    runner.attempt().await.expect("called");
    runner.say("two");
    reader.until("the next try", |client| client.live_text() == "two").await;
    assert!(reader.kinds().contains(&"preview_reset"), "{:?}", reader.kinds());
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_word_leaves_nothing_shown() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.call("half");
    let mut reader = replica.reader(chat).await;
    reader.until("half a call", |client| client.live.len() == 1).await;
    replica.state.store.interrupt(chat, replica.now()).await.expect("stopping");
    runner.finish_interruption().await.expect("stopped");
    reader.until("nothing", |client| client.live.is_empty()).await;
    assert_eq!(reader.kinds().last(), Some(&"status"));
    assert!(reader.kinds().contains(&"preview_reset"), "{:?}", reader.kinds());
}

#[tokio::test(start_paused = true)]
async fn parts_that_begin_before_their_episode_is_hinted_at_are_seen_at_once() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    // The call is counted and its episode not open yet: the look finds nothing to read from.
    let counted = replica.state.store.record_attempt(runner.fence(), replica.now()).await.expect("counted");
    let mut reader = replica.reader(chat).await;
    reader.until("it runs", |client| !client.events.is_empty()).await;
    pass(Duration::from_millis(1)).await;
    let key = EpisodeKey { chat, history_version: counted.versions.history, generation_attempt: 1 };
    let episode = replica.state.episodes.open(chat, key.history_version, key.generation_attempt);
    let part = crate::testing::text("at once");
    world.truth.say(key, chatmesh_proto::common::v1::Role::Assistant, 0, &part);
    episode.push(chatmesh_proto::common::v1::Role::Assistant, 0, part);
    reader.until("the text", |client| client.live_text() == "at once").await;
    runner.attempt().await.expect("called");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_call_makes_its_readers_look_when_the_hint_is_lost() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("an answer");
    let mut reader = replica.reader(chat).await;
    reader.until("the live text", |client| client.live_text() == "an answer").await;
    let messages = vec![crate::testing::answer("an answer", &[])];
    let (committed, _) =
        replica.state.store.commit_step(runner.fence(), messages, replica.now()).await.expect("committed");
    world.truth.commit(runner.key(), committed.last_message_id);
    replica.state.episodes.close(chat);
    // No time passes, and no hint comes.
    reader.until("the answer", |client| client.seen() == 2).await;
}
