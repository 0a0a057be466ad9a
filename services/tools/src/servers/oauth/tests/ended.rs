//! Tokens that have expired and that nothing renews.

use chatmesh_proto::tools::v1::mcp_server_service_server::McpServerService as _;
use chatmesh_rpc::{Caller, Role};

use super::revocation::called;
use super::*;
use crate::servers::store::{GrantRow, GrantStore as _};
use crate::servers::{Api, Asked, Choice, Offered};

impl World {
    async fn kept(&self) -> GrantRow {
        self.granted.get(self.server.id, self.user).await.expect("asked").expect("a grant")
    }

    /// What the user is told, one by one and in the list.
    async fn is_said_to_be_connected(&self) -> bool {
        let (api, caller) = (Api::new(Arc::clone(&self.servers)), Caller::user(self.user, Role::Member));
        let message = pb::GetMcpServerRequest { server: "one".to_owned() };
        let got = api.get_mcp_server(called(&caller, message)).await.expect("there").into_inner();
        let listed = api.list_mcp_servers(called(&caller, pb::ListMcpServersRequest::default())).await.expect("listed");
        let listed = listed.into_inner().servers;
        let alone = got.server.expect("a server").auth_connected;
        assert_eq!((listed.len(), listed[0].auth_connected), (1, alone));
        alone
    }

    /// What the chat of the user is offered.
    async fn offered(&self) -> Offered {
        let asked = Asked { user: self.user, chat_id: "chat-1".to_owned(), workspace_id: String::new() };
        self.servers.offered(&asked, &Choice::Defaults, Some(pb::ChatMode::Root)).await
    }
}

#[tokio::test]
async fn who_has_to_renew_a_token_by_hand_is_not_connected() {
    let mut world = World::new().await;
    assert!(!world.is_said_to_be_connected().await);
    for (answer, is_connected) in [
        (json!({"access_token": "one", "expires_in": 0}), false),
        (json!({"access_token": "one", "expires_in": 3600}), true),
        (json!({"access_token": "one"}), true),
        (json!({"access_token": "one", "refresh_token": "old", "expires_in": 0}), true),
    ] {
        world.connect(answer.clone()).await;
        assert_eq!(world.is_said_to_be_connected().await, is_connected, "{answer}");
    }
    world.server.settings.url = "https://elsewhere.example/mcp".to_owned();
    let kept = world.kept().await;
    assert!(!world.servers.is_connected(&world.server, kept), "it is for another host");
}

#[tokio::test]
async fn a_token_that_has_expired_and_that_nothing_renews_ends_its_grant_once() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "expires_in": 0})).await;
    let before = world.kept().await;
    let replicas = [Arc::clone(&world.servers), world.servers.replica(), world.servers.replica()];
    for _ in 0..2 {
        let tokens = replicas.iter().map(|servers| servers.token(&world.server, world.user));
        for token in futures::future::join_all(tokens).await {
            assert_eq!(token, Token::ended());
        }
        let kept = world.kept().await;
        assert_eq!((kept.is_dead, kept.version, &kept.sealed), (true, before.version + 1, &before.sealed));
    }
    assert!(world.granted.list(world.user).await.expect("listed").is_empty());
    assert!(world.played.forms.lock().is_empty(), "there is nothing to ask for");
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    assert_eq!(world.played.form()["token"], "one", "it is taken back all the same");
    world.connect(json!({"access_token": "two", "expires_in": 3600})).await;
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"));
}

#[tokio::test]
async fn what_a_user_is_granted_meanwhile_does_not_end_with_what_was_before() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "expires_in": 0})).await;
    let before = world.kept().await;
    world.connect(json!({"access_token": "two", "expires_in": 3600})).await;
    let token = world.servers.end(&world.server, before).await;
    assert_eq!(token.header.as_deref(), Some("Bearer two"));
    assert!(!world.kept().await.is_dead);
}

#[tokio::test]
async fn an_end_that_could_not_be_noted_is_noted_the_next_time() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "expires_in": 0})).await;
    *world.granted.broken.lock() = 1;
    for is_dead in [false, true] {
        assert_eq!(world.servers.token(&world.server, world.user).await, Token::ended());
        assert_eq!(world.kept().await.is_dead, is_dead);
    }
}

/// Whoever never connected, or disconnected, knows that; what ends by itself ends unseen.
#[tokio::test]
async fn a_chat_is_told_of_servers_to_which_its_user_has_to_connect_again() {
    let world = World::new().await;
    assert_eq!(world.offered().await.to_connect, [""; 0]);
    world.connect(json!({"access_token": "one", "expires_in": 0})).await;
    let first = world.offered().await;
    assert_eq!((first.to_connect.as_slice(), first.note().is_some()), (&["one".to_owned()][..], true));
    assert_eq!(world.offered().await, first, "prompts are cached");
    world.connect(json!({"access_token": "two", "expires_in": 3600})).await;
    assert_eq!((world.offered().await.to_connect, world.offered().await.note()), (Vec::new(), None));
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    assert_eq!(world.offered().await.to_connect, [""; 0]);

    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 0})).await;
    world.played.will(json!({"error": "temporarily_unavailable"}));
    assert_eq!(world.offered().await.to_connect, [""; 0], "it may go on in a moment");
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 0})).await;
    world.played.will(json!({"error": "invalid_grant"}));
    for _ in 0..2 {
        assert_eq!(world.offered().await.to_connect, ["one"], "the one who hears it first is told, too");
    }
}

/// A token that nobody said the end of is found out to be worth nothing where the server is asked.
#[tokio::test]
async fn a_chat_is_told_of_a_server_that_refuses_the_users_token() {
    let world = World::real().await;
    let nothing = world.offered().await;
    assert_eq!((nothing.tools.len(), nothing.to_connect), (0, Vec::new()), "the user never connected");
    world.connect(json!({"access_token": "one"})).await;
    for _ in 0..2 {
        let refused = world.offered().await;
        assert_eq!((refused.tools.len(), refused.to_connect), (0, vec!["one".to_owned()]));
    }
    assert!(world.is_said_to_be_connected().await, "it is not the server that says when a grant is worth nothing");
}
