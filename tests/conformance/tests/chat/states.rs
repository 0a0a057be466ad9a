//! The store does what the state machine says, in every state, and nothing else.

use chatmesh_chat::machine::{Operation, State, Status, apply};
use chatmesh_chat::{Chat, ChatStore as _, Fence, RunnerId, StoreError};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Sql, values};
use prost::Message as _;

use crate::world::{World, failure, new_worker, worlds};

/// Every state that the schema allows: an idle chat with a queue cannot be stored.
fn states() -> impl Iterator<Item = State> {
    let all = Status::ALL.into_iter().flat_map(|status| {
        [(false, false), (true, false), (false, true), (true, true)].map(|(queued, archived)| State {
            status,
            queued,
            archived,
        })
    });
    all.filter(|state| state.status != Status::Waiting || !state.queued)
}

impl World {
    /// A chat in `state` whose lease has nobody alive behind it, so that operations reach the state machine.
    async fn chat_in(&self, state: State) -> (Chat, Fence) {
        const FORCE: Sql = Sql::portable(
            "UPDATE chats SET status = $2, archived = $3, last_error = $4, worker_id = $5, runner_id = $6 WHERE id = $1",
        );
        let id = self.create("first").await.id;
        if state.queued {
            self.send(id, "waits").await;
        }
        let runner_id = RunnerId(SystemIds.next());
        let error = (state.status == Status::Error).then(|| failure().encode_to_vec());
        let row = values![id.0, state.status.as_str(), state.archived, error, new_worker().0, runner_id.0];
        assert_eq!(self.database.db.execute(FORCE, row).await.expect("forced"), 1);
        let chat = self.get(id).await;
        assert_eq!(chat.state(), state, "{}", self.engine);
        (chat, Fence { chat_id: id, runner_id, history_version: 1 })
    }
}

#[tokio::test]
async fn what_the_state_machine_rejects_changes_nothing_and_what_it_allows_is_done() {
    for world in worlds().await {
        let (mut legal, mut illegal) = (0, 0);
        for state in states() {
            for operation in Operation::ALL {
                let (chat, fence) = world.chat_in(state).await;
                let before = world.everything(chat.id).await;
                let result = world.perform(operation, fence).await;
                let context = format!("{}: {operation:?} in {state:?}: {result:?}", world.engine);
                let after = world.everything(chat.id).await;
                match (apply(state, operation), result) {
                    (Ok(transition), Ok(done)) => {
                        legal += 1;
                        assert_eq!(done.status, transition.status, "{context}");
                        assert_eq!(done.versions.snapshot, chat.versions.snapshot + 1, "{context}");
                        assert_eq!(after.seen.chat, done, "{context}");
                        assert_eq!(done.status == Status::Error, done.last_error.is_some(), "{context}");
                    }
                    // Acquiring does not name a chat: what cannot be leased is not found.
                    (Err(_), Err(StoreError::NotFound)) if operation == Operation::Acquire => {
                        illegal += 1;
                        assert_eq!(after, before, "{context}");
                    }
                    (Err(expected), Err(StoreError::Rejected(rejected))) => {
                        illegal += 1;
                        assert_eq!(rejected, expected, "{context}");
                        assert_eq!(after, before, "{context}");
                    }
                    _ => panic!("{context}"),
                }
            }
        }
        assert_eq!((legal, illegal), (42, 174), "{}: of 18 states and 12 operations", world.engine);
    }
}

#[tokio::test]
async fn the_schema_itself_refuses_what_no_chat_may_be() {
    const IDLE_WITH_QUEUE: Sql = Sql::portable("UPDATE chats SET status = 'waiting', queued_count = 1 WHERE id = $1");
    const ERROR_WITHOUT_WORDS: Sql = Sql::portable("UPDATE chats SET status = 'error' WHERE id = $1");
    const UNKNOWN: Sql = Sql::portable("UPDATE chats SET status = 'asleep' WHERE id = $1");
    for world in worlds().await {
        let chat = world.create("first").await;
        for statement in [IDLE_WITH_QUEUE, ERROR_WITHOUT_WORDS, UNKNOWN] {
            let result = world.database.db.execute(statement, values![chat.id.0]).await;
            assert!(result.is_err(), "{}: {statement:?}", world.engine);
        }
        assert_eq!(world.get(chat.id).await, chat, "{}", world.engine);
        assert!(world.store.interrupt(chat.id, world.now).await.is_ok(), "{}", world.engine);
    }
}
