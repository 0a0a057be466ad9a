//! Commands, which go on when nobody waits for them: G21, and what keeps it from ending the wrong ones.

use std::time::Duration;

use super::lossy::Fate;
use super::model::Reply;
use super::world::{World, config};
use crate::Config;
use crate::domain::ChatId;
use crate::machine::Status;
use crate::testing::{eventually, pass};

impl World {
    /// A chat with commands and a look, of which the look and the command `c-2` have ended.
    async fn with_commands(&self) -> ChatId {
        let calls = [("execute", "{}"), ("look", "{}"), ("execute", "{}"), ("wait", "{}")];
        self.model.then(Reply::calls("c", &calls));
        let chat = self.chat("go").await;
        eventually("they run", async || self.hands.called().len(), |calls| *calls == 4).await;
        self.hands.release("c-2");
        let ended = async || {
            let versions = self.get(chat).await.versions;
            let episode = self.state.episodes.find(chat, versions.history, versions.generation_attempt);
            episode.map_or(0, |episode| episode.len())
        };
        // The start and the end of each call, and the two results.
        eventually("two have ended", ended, |parts| *parts == 4 * 3 + 2).await;
        chat
    }

    /// What the calls of the chat were answered with.
    async fn results(&self, chat: ChatId) -> Vec<String> {
        self.shown(chat).await.into_iter().filter(|line| line.starts_with("tool: ")).collect()
    }
}

/// G21: an interrupted test keeps burning CPU, and the model is not told.
#[tokio::test(start_paused = true)]
async fn g21_an_interrupted_command_is_asked_to_end_and_the_model_is_told_what_is_known() {
    let world = World::new().await;
    let chat = world.with_commands().await;
    world.hands.does_not_hear(2);
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let told = world.results(chat).await;
    assert!(told[0].contains("interrupted by the user") && told[0].contains("may still run"), "{told:?}");
    assert!(told[0].contains("`process_list`"), "{told:?}");
    assert_eq!(told[1..3], ["tool: [c-1: {\"saw\":\"c-1\"}]", "tool: [c-2: {\"waited\":\"c-2\"}]"]);
    assert!(told[3].contains("interrupted by the user") && !told[3].contains("process_list"), "{told:?}");

    let canceled = async || {
        pass(Duration::from_secs(1)).await;
        world.hands.canceled()
    };
    let canceled = eventually("it is given up", canceled, |calls| !calls.is_empty()).await;
    let [call] = &canceled[..] else { panic!("{canceled:?}") };
    let made = world.hands.called().into_iter().find(|made| made.call_id == "c-0").expect("it was made");
    assert_eq!((&call.idempotency_key, &call.name), (&made.idempotency_key, &made.name));
    assert_eq!((&call.workspace_id, &call.chat_id), (&made.workspace_id, &made.chat_id));
}

/// G20: whoever goes on makes the calls again, under the same keys: what they began must not end.
#[tokio::test(start_paused = true)]
async fn g20_a_hand_over_leaves_commands_alone() {
    for is_orderly in [true, false] {
        let world = World::new().await;
        let chat = world.with_commands().await;
        let lease = world.get(chat).await.lease.expect("a lease");
        if is_orderly {
            world.state.tasks.shutdown().begin();
            world.until(chat, "it is handed over", |chat| chat.lease.is_none()).await;
        }
        world.kill().await;
        let given_back = world.given_back(chat, lease.runner_id).await;
        let other = world.another_process().await;
        other.hints.changed(&given_back).await;
        eventually("they run again", async || world.hands.called().len(), |calls| *calls == 8).await;
        assert_eq!(world.hands.canceled(), [], "orderly: {is_orderly}");

        // Stopped by its user now: also what the first worker began.
        world.interrupt(chat).await;
        world.ended(chat).await;
        let first = async || world.hands.canceled().iter().any(|call| call.idempotency_key.ends_with("/c-0"));
        eventually("it is given up", first, |is_given_up| *is_given_up).await;
        other.tasks.shutdown().force();
    }
}

/// G21: the worker that ran it is gone, and the turn is stopped before another one has taken it up.
#[tokio::test(start_paused = true)]
async fn g21_a_command_of_a_worker_that_is_gone_is_asked_to_end_too() {
    let world = World::new().await;
    let chat = world.with_commands().await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    world.given_back(chat, lease.runner_id).await;
    world.interrupt(chat).await;
    let other = world.another_process().await;
    other.hints.changed(&world.get(chat).await).await;
    world.ended(chat).await;
    // Which of them had ended, nobody knows any more.
    eventually("they are given up", async || world.hands.canceled().len(), |calls| *calls == 2).await;
    let workspace = world.hands.called()[0].workspace_id.clone();
    assert!(world.hands.canceled().iter().all(|call| call.workspace_id == workspace));
    other.tasks.shutdown().force();
}

/// G21: the end of the interruption is written, and its runner does not hear of it.
#[tokio::test(start_paused = true)]
async fn g21_a_command_is_asked_to_end_though_the_answer_to_its_interruption_is_lost() {
    use Fate::{Garbled, Lost, Panics};
    for fates in [&[Lost] as &[Fate], &[Garbled], &[Panics, Lost], &[Panics, Garbled]] {
        let world = World::where_interruptions_end(fates).await;
        let chat = world.with_commands().await;
        world.interrupt(chat).await;
        assert_eq!(world.ended(chat).await.status, Status::Waiting);
        // The write is made again after a while.
        let canceled = async || {
            pass(Duration::from_millis(50)).await;
            world.hands.canceled()
        };
        let canceled = eventually(&format!("{fates:?}: it is given up"), canceled, |calls| !calls.is_empty()).await;
        assert!(canceled.iter().any(|call| call.idempotency_key.ends_with("/c-0")), "{fates:?}: {canceled:?}");
    }
}

/// G20: the interruption goes on under another lease, and what a call began is not to end before its result is kept.
#[tokio::test(start_paused = true)]
async fn g20_a_command_runs_on_while_its_interruption_is_not_written() {
    for fates in [&[Fate::Refused] as &[Fate], &[Fate::Panics, Fate::Refused]] {
        let world = World::where_interruptions_end(fates).await;
        let chat = world.with_commands().await;
        let lease = world.get(chat).await.lease.expect("a lease");
        world.interrupt(chat).await;
        let runs = || world.state.tasks.running().iter().any(|(name, _)| *name == "chat.runner");
        eventually("it is given up", async || runs(), |runs| !*runs).await;
        assert_eq!(world.get(chat).await.status, Status::Interrupting, "{fates:?}");
        assert_eq!(world.hands.canceled(), [], "{fates:?}");

        let given_back = world.given_back(chat, lease.runner_id).await;
        world.state.hints.changed(&given_back).await;
        assert_eq!(world.ended(chat).await.status, Status::Waiting);
        eventually("it is given up", async || world.hands.canceled(), |calls| !calls.is_empty()).await;
    }
}

/// What ran when the time of a turn was over has an unknown outcome: a model that is told that it was not run runs it
/// again.
#[tokio::test(start_paused = true)]
async fn a_turn_that_takes_too_long_says_of_running_tools_that_their_outcome_is_not_known() {
    let world = World::with(Config { max_turn_duration: Duration::from_secs(10), ..config() }).await;
    let chat = world.with_commands().await;
    pass(Duration::from_secs(10)).await;
    let ended = world.ended(chat).await;
    assert!(ended.last_error.is_some_and(|error| error.message.contains("longer than 10 seconds")));
    let told = world.results(chat).await;
    assert!(told[0].contains("is not known") && told[0].contains("`process_list`"), "{told:?}");
    assert_eq!(told[1..3], ["tool: [c-1: {\"saw\":\"c-1\"}]", "tool: [c-2: {\"waited\":\"c-2\"}]"]);
    assert!(told[3].contains("is not known") && !told[3].contains("not run"), "{told:?}");
    assert_eq!(world.hands.canceled(), [], "nobody said that it is to end");
}

/// A call that was not complete when its user stopped the turn was not run, and there is nothing to end.
#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_was_interrupted_was_not_run() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("execute", "{}")]).hangs());
    let chat = world.chat("go").await;
    let seen = async || {
        let versions = world.get(chat).await.versions;
        let episode = world.state.episodes.find(chat, versions.history, versions.generation_attempt);
        episode.map_or(0, |episode| episode.len())
    };
    eventually("it is shown", seen, |shown| *shown >= 3).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let told = world.results(chat).await;
    assert!(told.len() == 1 && told[0].contains("not run"), "{told:?}");
    assert_eq!((world.hands.called().len(), world.hands.canceled()), (0, Vec::new()));
}
