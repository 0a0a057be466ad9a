use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_rpc::UserId;

use super::*;
use crate::servers::offer::Asked;
use crate::servers::state::Servers;
use crate::servers::testing::{Network, server};
use crate::servers::visit::Visit;

struct World {
    network: Network,
    servers: Arc<Servers>,
    visit: Visit,
}

impl World {
    async fn new() -> Self {
        let network = Network::default();
        let servers = network.servers(Vec::new());
        let asked = Asked { user: UserId(SystemIds.next()), chat_id: "chat-1".to_owned(), workspace_id: String::new() };
        let visit = servers.visit(&server("one"), &asked).await.expect("a visit");
        Self { network, servers, visit }
    }

    fn key(&self, chat: &str) -> SessionKey {
        (self.visit.key(), chat.to_owned())
    }

    async fn open(&self, sessions: &Sessions, chat: &str) -> Arc<Shared> {
        let opening = async {
            let opened = self.servers.open_and_list(&self.visit).await;
            opened.map(|(session, _)| session).map_err(|error| Unreached::Failed(error.to_string()))
        };
        sessions.get_or_open(&self.key(chat), opening).await.expect("reached").expect("a session")
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_put_away_ends_with_its_last_call() {
    let (world, sessions) = (World::new().await, Sessions::default());
    let session = world.open(&sessions, "a").await;
    sessions.end(&world.key("a"), &session).await;
    assert_eq!(session.list().await.expect("it goes on").len(), 6);
    drop(session);
    world.network.until(1, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_came_in_the_place_of_a_failed_one_stays() {
    let (world, sessions) = (World::new().await, Sessions::default());
    let first = world.open(&sessions, "a").await;
    sessions.end(&world.key("a"), &first).await;
    let second = world.open(&sessions, "a").await;
    assert!(!Arc::ptr_eq(&first, &second));
    sessions.end(&world.key("a"), &first).await;
    assert!(Arc::ptr_eq(&second, &world.open(&sessions, "a").await));
    drop(first);
    world.network.until(2, 1).await;
}

/// A session that was opened for a call is not refused because its chat was never seen before.
#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_the_session_that_was_used_longest_ago_goes() {
    let (world, sessions) = (World::new().await, Sessions::with_room(2));
    for chat in ["a", "b", "a"] {
        world.open(&sessions, chat).await;
        sessions.sweep().await;
    }
    world.open(&sessions, "c").await;
    sessions.sweep().await;
    world.network.until(3, 2).await;
    world.open(&sessions, "c").await;
    world.open(&sessions, "a").await;
    assert_eq!(world.network.connects(), 3, "both are there");
}

/// What a session says of its caller, it said when it was opened: that must not grow old.
#[tokio::test(start_paused = true)]
async fn a_signed_session_does_not_outlast_its_signature() {
    for (is_signed, expected) in [(false, 1), (true, 2)] {
        let world = World::new().await;
        let mut one = world.visit.server.clone();
        (one.settings.forward_identity_headers, one.settings.has_signing_secret) = (true, is_signed);
        for _ in 0..2 {
            let visit = world.servers.visit(&one, &world.visit.asked).await.expect("a visit");
            world.servers.session(&visit).await.expect("a session");
            tokio::time::advance(SIGNED_FOR + Duration::from_secs(1)).await;
        }
        assert_eq!(world.network.connects(), expected, "signed: {is_signed}");
    }
}

/// A server that is told of the workspace is told of another one.
#[tokio::test(start_paused = true)]
async fn a_session_that_names_a_workspace_is_for_no_other() {
    for (is_told, expected) in [(false, 1), (true, 2)] {
        let world = World::new().await;
        let mut one = world.visit.server.clone();
        one.settings.forward_identity_headers = is_told;
        for workspace in ["first", "second", "second"] {
            let asked = Asked { workspace_id: workspace.to_owned(), ..world.visit.asked.clone() };
            let visit = world.servers.visit(&one, &asked).await.expect("a visit");
            world.servers.session(&visit).await.expect("a session");
        }
        assert_eq!(world.network.connects(), expected, "told: {is_told}");
    }
}
