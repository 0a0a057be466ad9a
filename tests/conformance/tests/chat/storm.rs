//! Everything at once: senders, interrupters, workers, and thieves that take living leases over.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use chatmesh_chat::machine::Status;
use chatmesh_chat::{
    Chat, ChatId, ChatStore as _, Lease, LeaseStore as _, Outgoing, Room, RunnerId, StoreError, WorkerId,
};
use chatmesh_core::{IdSource as _, SystemIds};
use futures::future::{join, join_all};
use tokio::time::timeout;

use crate::content::answer;
use crate::world::{STALE, World, fence, new_worker, patiently, took_too_long, worlds};

const CHATS: usize = 4;
const WORKERS: usize = 4;
const MESSAGES: usize = 25;
/// One in this many times, a worker takes over what another one runs.
const THEFT: usize = 5;

/// True for what happens to a runner in a storm; anything else is a failure of the store.
fn is_weather(error: &StoreError) -> bool {
    matches!(error, StoreError::LeaseLost | StoreError::Rejected(_)) || took_too_long(error)
}

/// Runs turns of `chat` for as long as its lease holds.
async fn run(world: &World, mut chat: Chat) -> Result<(), StoreError> {
    loop {
        match chat.status {
            Status::Running => {
                chat = world.store.record_attempt(fence(&chat), world.now).await?;
                chat = world.store.commit_step(fence(&chat), vec![answer("answer")], world.now).await?.0;
                chat = world.store.finish_turn(fence(&chat), world.now).await?;
            }
            Status::Interrupting => {
                chat = world.store.finish_interruption(fence(&chat), vec![answer("half")], world.now).await?;
            }
            _ => return Ok(()),
        }
    }
}

async fn work(world: &World, worker_id: WorkerId, is_over: &Cell<bool>) {
    for round in 0.. {
        let stale_after = if round % THEFT == 0 { Duration::ZERO } else { STALE };
        let ask = async || world.store.runnable(Room::of_each(2), world.now, stale_after).await;
        let found = patiently(ask).await.expect("asked");
        if found.is_empty() && is_over.get() {
            return;
        }
        for one in found {
            let (lease, id) = (Lease { worker_id, runner_id: RunnerId(SystemIds.next()) }, one.chat_id);
            let ran = match world.store.acquire(id, lease, world.now, stale_after).await {
                Ok(acquired) => run(world, acquired.chat).await,
                Err(error) => Err(error),
            };
            if let Err(error) = ran {
                assert!(is_weather(&error), "{}: {error:?}", world.engine);
                // Stopped meanwhile, perhaps: whoever comes next sees to it.
                let left = patiently(async || world.store.abandon(id, lease.runner_id, world.now).await).await;
                assert!(left.as_ref().err().is_none_or(is_weather), "{}: {left:?}", world.engine);
            }
        }
        patiently(async || world.store.heartbeat(worker_id, world.now).await).await.expect("renewed");
    }
}

async fn talk(world: &World, chat: ChatId, speaker: usize) {
    for number in 0..MESSAGES {
        let text = format!("{speaker}-{number}");
        let request = SystemIds.next();
        loop {
            let outgoing = Outgoing { interrupt: number % 4 == 0, ..world.request(&text, request) };
            match patiently(async || world.try_send(chat, outgoing.clone()).await).await {
                Ok(_) => break,
                Err(StoreError::QueueFull) => tokio::task::yield_now().await,
                Err(error) => panic!("{}: {error:?}", world.engine),
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_in_a_storm() {
    for world in worlds().await {
        let mut chats = Vec::new();
        for _ in 0..CHATS {
            chats.push(world.create("first").await.id);
        }
        let is_over = Cell::new(false);
        let everyone_talks = async {
            join_all((0..CHATS * 2).map(|speaker| talk(&world, chats[speaker % CHATS], speaker))).await;
            is_over.set(true);
        };
        let everyone_works = join_all((0..WORKERS).map(|_| work(&world, new_worker(), &is_over)));
        let storm = timeout(Duration::from_secs(50), join(everyone_talks, everyone_works)).await;
        assert!(storm.is_ok(), "{}: it does not end", world.engine);

        for (number, chat) in chats.into_iter().enumerate() {
            let stored = world.get(chat).await;
            let history = world.history(chat).await;
            assert_eq!((stored.status, stored.queued_count, stored.lease), (Status::Waiting, 0, None));
            assert_eq!(usize::try_from(stored.last_message_id).expect("small"), history.len(), "{}", world.engine);
            for speaker in [number, number + CHATS] {
                let own: Vec<_> = history.iter().filter(|text| text.starts_with(&format!("{speaker}-"))).collect();
                let expected: Vec<_> = (0..MESSAGES).map(|number| format!("{speaker}-{number}")).collect();
                assert_eq!(own, expected.iter().collect::<Vec<_>>(), "{}: each once, in order", world.engine);
            }
            let seen = world.everything(chat).await.seen;
            let numbers: BTreeSet<_> = seen.messages.iter().map(|message| message.id).collect();
            assert_eq!(numbers.len(), history.len(), "{}: the numbers differ", world.engine);
            assert!(seen.messages.is_sorted_by_key(|message| message.revision), "{}", world.engine);
        }
    }
}
