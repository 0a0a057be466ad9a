//! In which order chats are taken, on both engines.

use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use chatmesh_rpc::UserId;
use chatmesh_testkit::{TestDb, databases};

use super::world::new_chat;
use crate::MIGRATIONS;
use crate::domain::ChatId;
use crate::store::{ChatStore as _, Lease, LeaseStore as _, Pool, Room, RunnerId, SqlChatStore, WorkerId};

const STALE: Duration = Duration::from_secs(60);

/// Chats that were created one second after the other.
struct Store {
    sql: SqlChatStore,
    engine: &'static str,
    now: Timestamp,
    _database: TestDb,
}

impl Store {
    fn new(database: TestDb) -> Self {
        let sql = SqlChatStore::new(database.db.clone());
        Self { sql, engine: database.engine, now: SystemClock.now(), _database: database }
    }

    async fn chat(&mut self, owner: UserId, parent: Option<ChatId>) -> ChatId {
        self.now += Duration::from_millis(1);
        self.sql.create(new_chat(owner, parent, self.now)).await.expect("created").0.id
    }

    async fn chats(&mut self, owners: &[UserId]) -> Vec<ChatId> {
        let mut chats = Vec::new();
        for owner in owners {
            chats.push(self.chat(*owner, None).await);
        }
        chats
    }

    async fn lease(&self, chat: ChatId) {
        let lease = Lease { worker_id: WorkerId(SystemIds.next()), runner_id: RunnerId(SystemIds.next()) };
        self.sql.acquire(chat, lease, self.now, STALE).await.expect("leased");
    }

    /// The chats of a kind that are listed.
    async fn listed(&self, pool: Pool, limit: Room) -> Vec<ChatId> {
        let listed = self.sql.runnable(limit, self.now, STALE).await.expect("listed");
        listed.into_iter().filter(|chat| chat.pool == pool).map(|chat| chat.chat_id).collect()
    }
}

fn owners<const N: usize>() -> [UserId; N] {
    std::array::from_fn(|_| UserId(SystemIds.next()))
}

#[tokio::test]
async fn chats_are_taken_round_by_round_over_their_owners_and_stopped_ones_first() {
    for database in databases(MIGRATIONS).await {
        let mut store = Store::new(database);
        let [one, two, three] = owners();
        let chats = store.chats(&[one, one, one, two, two, three, three, one]).await;
        let (busy, stopped) = (chats[6], chats[7]);
        store.sql.interrupt(stopped, store.now).await.expect("stopped");
        store.lease(busy).await;

        // A chat that runs for the third owner counts as the first round of its other one.
        let order = [stopped, chats[3], chats[0], chats[4], chats[5], chats[1], chats[2]];
        assert_eq!(store.listed(Pool::Roots, Room::of_each(10)).await, order, "{}", store.engine);
        let few = Room { roots: 3, subagents: 0 };
        assert_eq!(store.listed(Pool::Roots, few).await, order[..3], "{}", store.engine);
        for listed in store.sql.runnable(few, store.now, STALE).await.expect("listed") {
            assert_eq!(listed.waiting, 7, "{}: all are counted", store.engine);
        }
    }
}

#[tokio::test]
async fn an_owner_with_a_hundred_chats_has_one_of_the_first_two() {
    for database in databases(MIGRATIONS).await {
        let mut store = Store::new(database);
        let [many, single] = owners();
        let mut crowd = store.chats(&[many; 100]).await;
        let late = store.chats(&[single]).await[0];
        assert_eq!(store.listed(Pool::Roots, Room::of_each(2)).await, [crowd[0], late], "{}", store.engine);
        for chat in crowd.drain(..10) {
            store.lease(chat).await;
        }
        assert_eq!(store.listed(Pool::Roots, Room::of_each(2)).await, [late, crowd[0]], "{}", store.engine);
    }
}

#[tokio::test]
async fn chats_and_sub_agents_are_listed_and_counted_apart() {
    for database in databases(MIGRATIONS).await {
        let mut store = Store::new(database);
        let [owner] = owners();
        let roots = store.chats(&[owner; 3]).await;
        let children = [store.chat(owner, Some(roots[0])).await, store.chat(owner, Some(roots[1])).await];
        let limit = Room { roots: 1, subagents: 9 };
        assert_eq!(store.listed(Pool::Roots, limit).await, roots[..1], "{}", store.engine);
        assert_eq!(store.listed(Pool::Subagents, limit).await, children, "{}", store.engine);
        let listed = store.sql.runnable(limit, store.now, STALE).await.expect("listed");
        let counts: Vec<u32> = listed.iter().map(|chat| chat.waiting).collect();
        assert_eq!(counts, [3, 2, 2], "{}", store.engine);
    }
}

#[tokio::test]
async fn only_chats_without_a_living_lease_are_listed() {
    for database in databases(MIGRATIONS).await {
        let mut store = Store::new(database);
        let [owner] = owners();
        let chats = store.chats(&[owner; 2]).await;
        store.lease(chats[0]).await;
        assert_eq!(store.listed(Pool::Roots, Room::of_each(9)).await, chats[1..], "{}", store.engine);
        store.now += STALE;
        assert_eq!(store.listed(Pool::Roots, Room::of_each(9)).await, chats, "{}: stale", store.engine);
        store.lease(chats[0]).await;
        store.sql.forget_leases().await.expect("forgotten");
        assert_eq!(store.listed(Pool::Roots, Room::of_each(9)).await, chats, "{}: forgotten", store.engine);
    }
}

#[tokio::test]
async fn a_hint_finds_chats_without_any_lease_and_counts_what_runs_where_not_all_are_listed() {
    for database in databases(MIGRATIONS).await {
        let mut store = Store::new(database);
        let [one, two] = owners();
        let chats = store.chats(&[one, one, one, two]).await;
        store.lease(chats[0]).await;
        let unleased = async |roots: u32, now: Timestamp| {
            let limit = Room { roots, subagents: 1 };
            let listed = store.sql.unleased(limit, now, STALE).await.expect("listed");
            assert!(listed.iter().all(|chat| chat.waiting == 3), "{}: {listed:?}", store.engine);
            listed.into_iter().map(|chat| chat.chat_id).collect::<Vec<_>>()
        };
        assert_eq!(unleased(3, store.now).await, [chats[1], chats[3], chats[2]], "{}: all", store.engine);
        assert_eq!(unleased(2, store.now).await, [chats[3], chats[1]], "{}: one of the first owner runs", store.engine);
        assert_eq!(unleased(9, store.now + STALE).await.len(), 3, "{}: a dead lease is a lease", store.engine);
    }
}
