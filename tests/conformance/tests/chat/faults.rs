//! Something fails in the middle of a transaction.

use chatmesh_chat::machine::{Operation, State, Status};
use chatmesh_chat::{Chat, ChatStore as _, Lease, LeaseStore as _, RunnerId, StoreError};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Sql, Value, values};

use crate::content::{answer, text_of};
use crate::expected::{FENCED, changes, target};
use crate::world::{STALE, World, fence, is_lost, new_worker, worlds};

/// Statements that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    InsertMessage,
    InsertQueued,
    DeleteQueued,
    DeleteStep,
    /// The last one of each transaction.
    UpdateChat,
}

impl Place {
    const ALL: [Self; 5] =
        [Self::InsertMessage, Self::InsertQueued, Self::DeleteQueued, Self::DeleteStep, Self::UpdateChat];

    /// What makes the statement fail while its name stands in the table of faults.
    fn trap(self) -> Sql {
        macro_rules! trap {
            ($name:literal, $event:literal) => {
                Sql::split(
                    concat!(
                        "CREATE TRIGGER ",
                        $name,
                        " BEFORE ",
                        $event,
                        " FOR EACH ROW EXECUTE FUNCTION fail('",
                        $name,
                        "')"
                    ),
                    concat!(
                        "CREATE TRIGGER ",
                        $name,
                        " BEFORE ",
                        $event,
                        " WHEN EXISTS (SELECT 1 FROM faults WHERE name = '",
                        $name,
                        "') BEGIN SELECT RAISE(ABORT, 'planted'); END"
                    ),
                )
            };
        }
        match self {
            Self::InsertMessage => trap!("insert_message", "INSERT ON chat_messages"),
            Self::InsertQueued => trap!("insert_queued", "INSERT ON chat_queued_messages"),
            Self::DeleteQueued => trap!("delete_queued", "DELETE ON chat_queued_messages"),
            Self::DeleteStep => trap!("delete_step", "DELETE ON chat_steps"),
            Self::UpdateChat => trap!("update_chat", "UPDATE ON chats"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::InsertMessage => "insert_message",
            Self::InsertQueued => "insert_queued",
            Self::DeleteQueued => "delete_queued",
            Self::DeleteStep => "delete_step",
            Self::UpdateChat => "update_chat",
        }
    }
}

impl World {
    async fn run_sql(&self, statement: Sql, values: Vec<Value>) {
        self.db.execute(statement, values).await.expect("done");
    }

    async fn set_traps(&self) {
        const TABLE: Sql = Sql::portable("CREATE TABLE faults (name TEXT NOT NULL)");
        // SQLite has no functions and needs none.
        const FUNCTION: Sql = Sql::split(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF EXISTS (SELECT 1 FROM faults WHERE name = TG_ARGV[0]) THEN RAISE EXCEPTION 'planted'; END IF; \
             IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
            "SELECT 1",
        );
        self.run_sql(TABLE, Vec::new()).await;
        self.run_sql(FUNCTION, Vec::new()).await;
        for place in Place::ALL {
            self.run_sql(place.trap(), Vec::new()).await;
        }
    }

    async fn arm(&self, place: Place) {
        self.run_sql(Sql::portable("INSERT INTO faults (name) VALUES ($1)"), values![place.name()]).await;
    }

    async fn disarm(&self) {
        self.run_sql(Sql::portable("DELETE FROM faults"), Vec::new()).await;
    }
}

fn is_planted<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Database(_)))
}

/// F1: the end of a turn takes the head of the queue, says it and goes on, all in one transaction. Were it not so,
/// a waiting message would be lost where the second half fails.
#[tokio::test]
async fn a_message_still_waits_when_the_end_of_the_turn_fails_in_the_middle() {
    for world in worlds().await {
        world.set_traps().await;
        let chat = world.running("first").await;
        for text in ["one", "two"] {
            world.send(chat.id, text).await;
        }
        let stopped = world.running("first").await;
        world.send_interrupting(stopped.id, "one").await;
        for place in [Place::DeleteQueued, Place::InsertMessage, Place::UpdateChat] {
            world.arm(place).await;
            let before = world.dump().await;
            let failed = world.store.finish_turn(fence(&chat), world.now).await;
            assert!(is_planted(&failed), "{}: {place:?}: {failed:?}", world.engine);
            let half = vec![answer("half")];
            let failed = world.store.finish_interruption(fence(&stopped), half, world.now).await;
            assert!(is_planted(&failed), "{}: {place:?}: {failed:?}", world.engine);
            assert_eq!(world.dump().await, before, "{}: {place:?}", world.engine);
            assert_eq!(world.queue(chat.id).await, ["one", "two"], "{}: {place:?}", world.engine);
            world.disarm().await;
        }
        // The same runner tries again, and nothing is lost or doubled.
        let next = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        assert_eq!((next.status, next.queued_count), (Status::Running, 1), "{}", world.engine);
        assert_eq!(world.history(chat.id).await, ["first", "one"], "{}", world.engine);
    }
}

/// S-T11: whatever fails, and wherever, there is no half of an operation.
#[tokio::test]
async fn an_operation_that_fails_in_the_middle_changes_nothing_and_can_be_tried_again() {
    for world in worlds().await {
        world.set_traps().await;
        let mut tried = 0;
        for state in State::ALL.into_iter().filter(|state| *state != State::Invalid) {
            let waiting = u32::from(matches!(state, State::E1 | State::R1 | State::I1 | State::A1 | State::XE1));
            for operation in Operation::ALL {
                if target(*operation, state, waiting).is_some() {
                    tried += fail_everywhere(&world, state, waiting, *operation).await;
                }
            }
        }
        println!("{}: {tried} operations failed in the middle", world.engine);
        assert_eq!(tried, 177, "{}", world.engine);
    }
}

/// Lets a legal operation fail at each statement that the specification says it needs.
async fn fail_everywhere(world: &World, state: State, waiting: u32, operation: Operation) -> u32 {
    const CLEAN_UP: Sql = Sql::portable("DELETE FROM chats");
    let mut chat = world.target(state, waiting).await;
    if FENCED.contains(&operation) && chat.chat.as_ref().is_some_and(|chat| chat.lease.is_none()) {
        world.plant_lease(&mut chat).await;
    }
    let changed = changes(operation, state, false);
    let sends = matches!(operation, Operation::SendMessage | Operation::SendMessageInterrupting);
    let places = Place::ALL.into_iter().filter(|place| match place {
        Place::InsertMessage => changed.history,
        Place::InsertQueued => changed.queue && sends,
        Place::DeleteQueued => match operation {
            Operation::DeleteQueuedMessage => true,
            // A message to a failed chat goes through the queue; one that interrupts the client only goes into it.
            _ if sends => state == State::E1,
            _ => changed.queue && changed.history,
        },
        Place::DeleteStep => changed.history && chat.chat.as_ref().is_some_and(|chat| chat.retry_state.is_some()),
        Place::UpdateChat => true,
    });
    let mut tried = 0;
    for place in places {
        world.arm(place).await;
        let before = world.dump().await;
        let failed = world.perform(operation, &chat).await;
        assert!(is_planted(&failed), "{}: {operation:?} in {state} at {place:?}: {failed:?}", world.engine);
        assert_eq!(world.dump().await, before, "{}: {operation:?} in {state} at {place:?}", world.engine);
        world.disarm().await;
        tried += 1;
    }
    let done = world.perform(operation, &chat).await;
    assert!(done.is_ok(), "{}: {operation:?} in {state}: {done:?}", world.engine);
    world.run_sql(CLEAN_UP, Vec::new()).await;
    tried
}

/// F39: whoever is stopped while he leases a chat leaves no chat that runs and that nobody can take: the lease is not
/// there, or it can be given back by the name that he gave it, or it becomes stale.
#[tokio::test]
async fn a_lease_whose_taker_went_away_in_the_middle_holds_nobody_up() {
    const POLLS: usize = 40;
    for mut world in worlds().await {
        let (mut came_through, mut left) = (0, 0);
        for polls in 1..POLLS {
            let chat = world.create("first").await;
            let lease = Lease { worker_id: new_worker(), runner_id: RunnerId(SystemIds.next()) };
            let acquired = give_up_after(polls, world.store.acquire(chat.id, lease, world.now, STALE)).await;
            if let Some(acquired) = acquired {
                assert_eq!(acquired.expect("leased").chat.lease, Some(lease), "{}", world.engine);
                came_through += 1;
            } else {
                left += 1;
            }
            let found = settled(&world, &chat).await;
            if polls % 2 == 0 {
                let back = world.store.abandon(chat.id, lease.runner_id, world.now).await;
                assert_eq!(is_lost(&back), found.lease.is_none(), "{}: {polls}: {back:?}", world.engine);
            } else {
                world.now += STALE;
            }
            let next = world.run(chat.id).await;
            assert_ne!(next.lease, Some(lease), "{}: {polls}", world.engine);
            world.store.finish_turn(fence(&next), world.now).await.expect("finished");
            assert_eq!(text_of(&world.messages(chat.id).await[0].body.content), "first", "{}", world.engine);
        }
        assert!(left > 0, "{}: {left} gave up, {came_through} came through", world.engine);
    }
}

/// The chat once nobody is in the middle of changing it.
async fn settled(world: &World, chat: &Chat) -> Chat {
    let touched = world.store.record_attempt(crate::world::nobodys_fence(chat), world.now).await;
    assert!(is_lost(&touched), "{}: {touched:?}", world.engine);
    world.get(chat.id).await
}

/// Polls a future this many times at most and drops it then.
async fn give_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if let std::task::Poll::Ready(done) = future.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(done));
        }
        left -= 1;
        if left == 0 { std::task::Poll::Ready(None) } else { std::task::Poll::Pending }
    })
    .await
}
