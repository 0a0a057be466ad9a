//! What the store of agent sessions promises, on every engine.

use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_relay::{MIGRATIONS, STATEMENTS, SessionRow, SessionStore as _, SqlSessionStore};
use chatmesh_testkit::databases;
use futures::future::join_all;

#[tokio::test]
async fn every_statement_is_valid() {
    chatmesh_testkit::statements_are_valid(MIGRATIONS, STATEMENTS).await;
}

#[tokio::test]
async fn the_latest_session_is_the_one_that_is_found() {
    for database in databases(MIGRATIONS).await {
        let store = SqlSessionStore::new(database.db.clone());
        let agent = SystemIds.next();
        assert_eq!(store.get(agent).await.expect("asked"), None, "{}", database.engine);
        let mut connected_at = SystemClock.now();
        for epoch in 1..=5 {
            connected_at += Duration::from_secs(1);
            let (session_id, replica_id) = (SystemIds.next(), SystemIds.next());
            let got = store.begin(agent, session_id, replica_id, connected_at).await.expect("begun");
            assert_eq!(got, epoch, "{}", database.engine);
            let expected = SessionRow { agent_id: agent, epoch, session_id, replica_id, connected_at };
            assert_eq!(store.get(agent).await.expect("asked"), Some(expected), "{}", database.engine);
        }
    }
}

#[tokio::test]
async fn a_session_whose_clock_is_behind_still_has_a_higher_epoch() {
    for database in databases(MIGRATIONS).await {
        let store = SqlSessionStore::new(database.db.clone());
        let (agent, replica, now) = (SystemIds.next(), SystemIds.next(), SystemClock.now());
        let first = store.begin(agent, SystemIds.next(), replica, now).await.expect("begun");
        let earlier = now - Duration::from_secs(3600);
        let session = SystemIds.next();
        let second = store.begin(agent, session, replica, earlier).await.expect("begun");
        assert!(second > first, "{}", database.engine);
        let row = store.get(agent).await.expect("asked").expect("there");
        assert_eq!((row.session_id, row.connected_at), (session, earlier), "{}", database.engine);
    }
}

#[tokio::test]
async fn epochs_strictly_increase_however_many_begin_at_once() {
    const SESSIONS: u32 = 32;
    for database in databases(MIGRATIONS).await {
        let store = SqlSessionStore::new(database.db.clone());
        let (agent, other, now) = (SystemIds.next(), SystemIds.next(), SystemClock.now());
        let sessions: Vec<_> = (0..SESSIONS).map(|_| (SystemIds.next(), SystemIds.next())).collect();
        let begun = join_all(sessions.iter().map(async |(session, replica)| {
            (store.begin(agent, *session, *replica, now).await.expect("begun"), *session)
        }));
        let mut begun = begun.await;
        begun.sort_unstable();
        let epochs: Vec<_> = begun.iter().map(|(epoch, _)| *epoch).collect();
        assert_eq!(epochs, (1..=SESSIONS).collect::<Vec<_>>(), "{}", database.engine);

        let row = store.get(agent).await.expect("asked").expect("there");
        assert_eq!(Some(&(row.epoch, row.session_id)), begun.last(), "{}", database.engine);
        let foreign = store.begin(other, SystemIds.next(), SystemIds.next(), now).await.expect("begun");
        assert_eq!(foreign, 1, "{}: agents count by themselves", database.engine);
        assert_eq!(store.get(agent).await.expect("asked"), Some(row), "{}", database.engine);
    }
}
