//! Live parts of chats that another replica runs.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::chat::v1::StreamPartsRequest;
use chatmesh_proto::chat::v1::part_service_server::PartService as _;
use chatmesh_rpc::{Caller, Role};
use futures::StreamExt as _;
use tokio::time::Instant;
use tonic::{Code, Request, Status};

use crate::domain::ChatId;
use crate::parts::serve::PartApi;
use crate::parts::{self, EpisodeKey};
use crate::testing::{Faults, Replica, Runner, Standstill, World, eventually, pass};

/// Lets the relay's pauses pass until `reader` shows what `done` wants.
async fn after_pauses(what: &str, reader: &mut crate::testing::Reader, done: impl Fn(&crate::testing::Client) -> bool) {
    let look = async || {
        pass(Duration::from_millis(200)).await;
        reader.read(usize::MAX);
        reader.client.clone()
    };
    eventually(what, look, |client| done(client)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_on_one_replica_is_shown_on_the_others() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (owner, other) = (world.replica().await, world.replica().await);
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("one ");
    let (mut here, mut there, mut also) =
        (owner.reader(chat).await, other.reader(chat).await, other.reader(chat).await);
    runner.say("two ");
    for reader in [&mut here, &mut there, &mut also] {
        reader.until("the live text", |client| client.live_text() == "one two ").await;
    }
    assert_eq!(other.state.relay.kept().episodes, 1, "the readers of a replica share what is brought there");
    assert_eq!(owner.state.relay.kept().episodes, 0, "what is here is not brought here");
    runner.say("three");
    runner.commit().await.expect("committed");
    for reader in [&mut here, &mut there, &mut also] {
        reader.until("the answer", |client| client.seen() == 2).await;
    }
    eventually("the mirror is gone", async || other.state.relay.kept().episodes, |count| *count == 0).await;
}

/// F35: a line that breaks, loses and doubles is taken up again, and what is shown has no gap and nothing twice.
#[tokio::test(start_paused = true)]
async fn a_relay_that_breaks_goes_on_where_it_was() {
    let _still = Standstill::begin();
    let world = World::with(chatmesh_bus::Bus::memory(), Faults { cut: 0.3, lost: 0.2, doubled: 0.2 }).await;
    let (owner, other) = (world.replica().await, world.replica().await);
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    let mut reader = other.reader(chat).await;
    let mut said = String::new();
    for n in 0.. {
        let word = format!("{n} ");
        runner.say(&word);
        said.push_str(&word);
        pass(Duration::from_millis(500)).await;
        // The client checks every part.
        reader.read(usize::MAX);
        assert!(n < 1000, "{said:?} was said, and shown {:?}", reader.client.live_text());
        // Only the next message tells that one was lost.
        if n > 40 && reader.client.live_text() == said {
            break;
        }
    }
    assert!(!reader.kinds().contains(&"preview_reset"), "nothing had to be taken back");
    runner.commit().await.expect("committed");
    reader.until("the answer", |client| client.seen() == 2).await;
}

/// W-T7: another replica takes the chat over in the middle of a step.
#[tokio::test(start_paused = true)]
async fn a_new_owner_in_the_middle_of_a_step_is_followed() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (first, second, viewer) = (world.replica().await, world.replica().await, world.replica().await);
    let chat = first.chat("hello").await;
    let mut old = Runner::acquire(&first, chat).await.expect("leased");
    old.attempt().await.expect("called");
    old.say("half a sen");
    let (mut here, mut there) = (second.reader(chat).await, viewer.reader(chat).await);
    for reader in [&mut here, &mut there] {
        reader.until("the old text", |client| client.live_text() == "half a sen").await;
    }
    first.kill();
    let mut new = Runner::steal(&second, chat).await.expect("leased");
    new.attempt().await.expect("called");
    new.say("a whole sentence");
    for reader in [&mut here, &mut there] {
        reader.until("the new text", |client| client.live_text() == "a whole sentence").await;
    }
    old.say("tence"); // The old one does not know that it is dead.
    new.commit().await.expect("committed");
    for reader in [&mut here, &mut there] {
        reader.until("the answer", |client| client.seen() == 2).await;
    }
}

/// Attempts are counted anew with each turn, and a turn may leave no message behind: who missed everything between
/// two turns shows the later one.
#[tokio::test(start_paused = true)]
async fn a_call_of_the_model_is_not_taken_for_one_of_a_turn_before() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (owner, other) = (world.replica().await, world.replica().await);
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("an answer");
    runner.commit().await.expect("committed");
    runner.attempt().await.expect("called");
    runner.call("half");
    let first = runner.key();
    let (mut here, mut there) = (owner.reader(chat).await, other.reader(chat).await);
    for reader in [&mut here, &mut there] {
        reader.until("half a call", |client| client.live.len() == 1).await;
    }
    // Nothing that was said is kept, and somebody asks for a summary.
    owner.state.store.interrupt(chat, owner.now()).await.expect("stopping");
    owner.state.store.finish_interruption(runner.fence(), Vec::new(), owner.now()).await.expect("stopped");
    runner.leave();
    owner.state.store.request_compaction(chat, None, owner.now()).await.expect("asked");
    let mut runner = Runner::acquire_unheard(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    assert_ne!(runner.key(), first, "another name");
    runner.say("something else");
    let (mut late_here, mut late_there) = (owner.reader(chat).await, other.reader(chat).await);
    for reader in [&mut here, &mut there, &mut late_here, &mut late_there] {
        reader.until("the new text", |client| client.live_text() == "something else").await;
        assert_eq!(reader.client.live.len(), 1);
    }
}

/// F35: the owner cannot be reached for a while: the relay does not give up.
#[tokio::test(start_paused = true)]
async fn a_relay_does_not_give_up_while_the_answer_is_being_said() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (owner, other) = (world.replica().await, world.replica().await);
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    // Nobody is told where the owner is.
    let now = owner.now();
    let worker = owner.state.worker_id;
    owner.state.workers.announce(worker, None, 0, 0, now).await.expect("announced");
    let mut reader = other.reader(chat).await;
    runner.say("unheard");
    pass(Duration::from_secs(30)).await;
    reader.read(usize::MAX);
    assert_eq!(reader.client.live, []);
    owner.state.workers.announce(worker, Some(&owner.address), 0, 0, now).await.expect("announced");
    after_pauses("what was said", &mut reader, |client| client.live_text() == "unheard").await;
}

/// Committed messages come from the database: a relay that hangs delays none of them.
#[tokio::test(start_paused = true)]
async fn committed_messages_do_not_wait_for_the_relay() {
    let _still = Standstill::begin();
    let world = World::with(chatmesh_bus::Bus::memory(), Faults { lost: 1.0, ..Faults::default() }).await;
    let (owner, other) = (world.replica().await, world.replica().await);
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    let mut reader = other.reader(chat).await;
    runner.say("never arrives");
    reader.until("the question", |client| client.seen() == 1).await;
    runner.commit().await.expect("committed");
    // No time passes.
    reader.until("the answer", |client| client.seen() == 2).await;
    assert!(!reader.kinds().contains(&"part"));
}

/// F23: when nobody reads and nothing is said, nothing is kept (W-T9).
#[tokio::test(start_paused = true)]
async fn nothing_is_left_when_everybody_is_gone() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (owner, other) = (world.replica().await, world.replica().await);
    for _ in 0..5 {
        let chat = owner.chat("hello").await;
        let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
        let mut readers = [owner.reader(chat).await, other.reader(chat).await, other.reader(chat).await];
        for step in 0..3 {
            runner.attempt().await.expect("called");
            runner.say("so it goes");
            for reader in &mut readers {
                reader.until("the live text", |client| client.live_text() == "so it goes").await;
            }
            if step < 2 {
                runner.commit().await.expect("committed");
            }
        }
        // The last answer is left in the middle, by all.
        runner.leave();
    }
    for replica in [&owner, &other] {
        eventually("the tasks end", async || replica.state.tasks.running(), Vec::is_empty).await;
        assert_eq!(replica.state.metrics.subscribers.get(), 0);
        let janitor = Arc::clone(&replica.state);
        replica.state.tasks.spawn("janitor", async move { parts::janitor(janitor).await });
    }
    assert!(owner.state.episodes.kept().episodes > 0, "what has just ended can still be read");
    let look = async || {
        pass(Duration::from_secs(5)).await;
        let metrics = [&owner, &other].map(|replica| {
            let metrics = &replica.state.metrics;
            [&metrics.streams_active, &metrics.buffer_events, &metrics.buffer_size_max].map(|gauge| gauge.get())
        });
        (metrics, owner.state.episodes.kept(), other.state.relay.kept())
    };
    let nothing = ([[0; 3]; 2], parts::Kept::default(), parts::Kept::default());
    let began = Instant::now();
    eventually("nothing is kept", look, |kept| *kept == nothing).await;
    assert!(began.elapsed() >= Duration::from_secs(15), "it was kept for too short a time");
}

async fn ask(replica: &Replica, caller: Caller, key: EpisodeKey) -> Result<Vec<u32>, Status> {
    let message = StreamPartsRequest {
        chat_id: key.chat.to_string(),
        history_version: key.history_version,
        generation_attempt: key.generation_attempt,
        after_seq: 1,
    };
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);
    let mut responses = PartApi::new(Arc::clone(&replica.state)).stream_parts(request).await?.into_inner();
    let mut seqs = Vec::new();
    while let Some(response) = responses.next().await {
        let response = response?;
        seqs.extend(response.parts.iter().map(|part| part.seq));
        if response.ended {
            break;
        }
    }
    Ok(seqs)
}

#[tokio::test(start_paused = true)]
async fn only_services_are_given_parts_and_only_by_the_one_that_has_them() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (owner, other) = (world.replica().await, world.replica().await);
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    for word in ["a", "b", "c"] {
        runner.say(word);
    }
    let key = runner.key();
    runner.commit().await.expect("committed");
    runner.leave();
    let service = || Caller::service("chat", None);
    let code = |answer: Result<Vec<u32>, Status>| answer.map_err(|status| status.code());

    assert_eq!(code(ask(&owner, service(), key).await), Ok(vec![2, 3]));
    let member = Caller::user(owner.owner, Role::Admin);
    assert_eq!(code(ask(&owner, member, key).await), Err(Code::PermissionDenied));
    assert_eq!(code(ask(&other, service(), key).await), Err(Code::NotFound), "it does not run the chat");
    let old = EpisodeKey { history_version: 0, ..key };
    assert_eq!(code(ask(&owner, service(), old).await), Err(Code::NotFound), "that is long over");
    let missing = EpisodeKey { chat: ChatId(chatmesh_core::Uuid::nil()), ..key };
    assert_eq!(code(ask(&owner, service(), missing).await), Err(Code::NotFound), "there is no such chat");
}

#[tokio::test(start_paused = true)]
async fn an_episode_that_is_about_to_begin_is_waited_for_and_not_for_ever() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let owner = world.replica().await;
    let chat = owner.chat("hello").await;
    let mut runner = Runner::acquire(&owner, chat).await.expect("leased");
    let history_version = owner.get(chat).await.versions.history;
    let key = EpisodeKey { chat, history_version, generation_attempt: 1 };
    let service = || Caller::service("chat", None);

    let (parts, ()) = tokio::join!(ask(&owner, service(), key), async {
        pass(Duration::from_secs(1)).await;
        runner.attempt().await.expect("called");
        runner.say("a");
        runner.say("b");
        pass(Duration::from_secs(1)).await;
        runner.commit().await.expect("committed");
        owner.state.episodes.close(chat);
        // Should the question have come to the database only now.
        pass(Duration::from_secs(10)).await;
    });
    assert_eq!(parts.expect("the parts"), [2]);

    let history_version = owner.get(chat).await.versions.history;
    let key = EpisodeKey { history_version, ..key };
    let next = EpisodeKey { generation_attempt: 2, ..key };
    let mut waits = Box::pin(ask(&owner, service(), next));
    let given_up = eventually(
        "it gives up",
        async || {
            tokio::select! {
                answer = &mut waits => Some(answer.map_err(|status| status.code())),
                () = pass(Duration::from_secs(2)) => None,
            }
        },
        Option::is_some,
    )
    .await;
    assert_eq!(given_up, Some(Err(Code::NotFound)));
}
