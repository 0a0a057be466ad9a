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
            let expected = SessionRow { agent_id: agent, epoch, session_id, replica_id, connected_at, ended_at: None };
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

#[tokio::test]
async fn an_agent_is_located_at_a_replica_that_was_seen_until_its_session_ends() {
    for database in databases(MIGRATIONS).await {
        let (store, engine) = (SqlSessionStore::new(database.db.clone()), database.engine);
        let (agent, session, replica) = (SystemIds.next(), SystemIds.next(), SystemIds.next());
        let now = SystemClock.now();
        store.begin(agent, session, replica, now).await.expect("begun");
        assert_eq!(store.locate(agent, now).await.expect("asked"), None, "{engine}: nobody knows the replica");

        store.announce(replica, Some("http://one"), now).await.expect("announced");
        let found = store.locate(agent, now).await.expect("asked").expect("there");
        assert_eq!((found.session.session_id, found.address.as_deref()), (session, Some("http://one")), "{engine}");
        let later = now + Duration::from_secs(1);
        assert_eq!(store.locate(agent, later).await.expect("asked"), None, "{engine}: not seen since");
        store.announce(replica, None, later).await.expect("announced");
        let found = store.locate(agent, later).await.expect("asked").expect("there");
        assert_eq!(found.address, None, "{engine}: what it says last counts");

        store.end(agent, SystemIds.next(), later).await.expect("ended");
        assert!(store.locate(agent, now).await.expect("asked").is_some(), "{engine}: another session's end");
        store.end(agent, session, later).await.expect("ended");
        assert_eq!(store.locate(agent, now).await.expect("asked"), None, "{engine}");
        let row = store.get(agent).await.expect("asked").expect("the epoch stays");
        assert_eq!((row.epoch, row.ended_at), (1, Some(later)), "{engine}");
        assert_eq!(store.begin(agent, session, replica, later).await.expect("begun"), 2, "{engine}");
        assert!(store.locate(agent, now).await.expect("asked").is_some(), "{engine}: a new session");
    }
}

#[tokio::test]
async fn a_replica_holds_the_sessions_in_whose_place_there_is_no_later_one() {
    for database in databases(MIGRATIONS).await {
        let (store, engine) = (SqlSessionStore::new(database.db.clone()), database.engine);
        let (one, other, now) = (SystemIds.next(), SystemIds.next(), SystemClock.now());
        let mut held = Vec::new();
        for _ in 0..3 {
            let (agent, session) = (SystemIds.next(), SystemIds.next());
            store.begin(agent, session, one, now).await.expect("begun");
            held.push((agent, session));
        }
        let sorted = |mut held: Vec<_>| {
            held.sort_unstable();
            held
        };
        assert_eq!(sorted(store.held_by(one).await.expect("asked")), sorted(held.clone()), "{engine}");
        store.begin(held[0].0, SystemIds.next(), other, now).await.expect("begun");
        store.end(held[1].0, held[1].1, now).await.expect("ended");
        assert_eq!(store.held_by(one).await.expect("asked"), vec![held[2]], "{engine}");
    }
}

#[tokio::test]
async fn replicas_that_left_or_were_not_seen_for_long_are_off_the_list() {
    for database in databases(MIGRATIONS).await {
        let (store, engine) = (SqlSessionStore::new(database.db.clone()), database.engine);
        let (agents, now) = ([SystemIds.next(), SystemIds.next()], SystemClock.now());
        for agent in agents {
            store.announce(agent, Some("http://replica"), now).await.expect("announced");
            store.begin(agent, SystemIds.next(), agent, now).await.expect("begun");
        }
        let newcomer = SystemIds.next();
        store.announce(newcomer, Some("http://newcomer"), now).await.expect("announced");
        store.displace(newcomer, "http://newcomer").await.expect("displaced");
        assert!(store.locate(agents[0], now).await.expect("asked").is_some(), "{engine}: at another address");
        store.leave(agents[0]).await.expect("left");
        assert_eq!(store.locate(agents[0], now).await.expect("asked"), None, "{engine}");
        assert_eq!(store.forget(now).await.expect("forgotten"), 0, "{engine}");
        assert_eq!(store.forget(now + Duration::from_secs(1)).await.expect("forgotten"), 2, "{engine}");
        assert_eq!(store.locate(agents[1], now).await.expect("asked"), None, "{engine}");
    }
}

#[tokio::test]
async fn agents_are_handed_over_to_replicas_that_are_there_and_take_them() {
    for database in databases(MIGRATIONS).await {
        let (store, engine) = (SqlSessionStore::new(database.db.clone()), database.engine);
        let (one, other, hidden, now) = (SystemIds.next(), SystemIds.next(), SystemIds.next(), SystemClock.now());
        let has_successor = async |replica, since| store.has_successor(replica, since).await.expect("asked");
        store.announce(one, Some("http://one"), now).await.expect("announced");
        store.announce(hidden, None, now).await.expect("announced");
        assert!(!has_successor(one, now).await, "{engine}: itself, and one that nobody reaches");
        store.announce(other, Some("http://other"), now).await.expect("announced");
        assert!(has_successor(one, now).await, "{engine}");
        let later = now + Duration::from_secs(1);
        assert!(!has_successor(one, later).await, "{engine}: not seen since");

        store.drain(other, now).await.expect("recorded");
        store.announce(other, Some("http://other"), later).await.expect("announced");
        assert!(!has_successor(one, now).await, "{engine}: it ends as well, and does not change its mind");
        assert!(has_successor(other, now).await, "{engine}");
        let (agent, session) = (SystemIds.next(), SystemIds.next());
        store.begin(agent, session, other, now).await.expect("begun");
        assert!(
            store.locate(agent, now).await.expect("asked").is_some(),
            "{engine}: it holds those who have not moved"
        );
    }
}

#[tokio::test]
async fn who_comes_to_an_address_takes_the_place_of_who_was_there() {
    for database in databases(MIGRATIONS).await {
        let (store, engine) = (SqlSessionStore::new(database.db.clone()), database.engine);
        let (agent, former, latter, now) = (SystemIds.next(), SystemIds.next(), SystemIds.next(), SystemClock.now());
        store.announce(former, Some("http://replica"), now).await.expect("announced");
        store.begin(agent, SystemIds.next(), former, now).await.expect("begun");
        store.displace(latter, "http://replica").await.expect("displaced");
        store.announce(latter, Some("http://replica"), now).await.expect("announced");
        assert_eq!(store.locate(agent, now).await.expect("asked"), None, "{engine}");
        store.begin(agent, SystemIds.next(), latter, now).await.expect("begun");
        assert!(store.locate(agent, now).await.expect("asked").is_some(), "{engine}");
    }
}
