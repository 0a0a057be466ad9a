//! What becomes of tokens whose server is gone.

use std::time::Duration;

use chatmesh_proto::tools::v1::mcp_server_service_server::McpServerService as _;
use chatmesh_rpc::Caller;
use tokio::time::Instant;
use tonic::Request;

use super::*;
use crate::servers::Api;
use crate::servers::client::{Addresses, HttpConnector};
use crate::servers::oauth::revoke::{AT_ONCE, DEADLINE, counted};
use crate::servers::store::{GrantRow, GrantStore as _};
use crate::servers::testing::admin;

impl World {
    /// Connects so many users, each with a token of their own.
    async fn connect_users(&mut self, users: usize) {
        for number in 0..users {
            self.user = UserId(SystemIds.next());
            self.connect(json!({"access_token": format!("access-{number}"), "refresh_token": format!("{number}")}))
                .await;
        }
    }

    /// The other side of the door.
    async fn delete(&self) {
        let message = pb::DeleteMcpServerRequest { server: "one".to_owned() };
        Api::new(Arc::clone(&self.servers)).delete_mcp_server(called(&admin(), message)).await.expect("deleted");
    }

    async fn update(&self, change: pb::UpdateMcpServerRequest) {
        let message = pb::UpdateMcpServerRequest { server: "one".to_owned(), ..change };
        Api::new(Arc::clone(&self.servers)).update_mcp_server(called(&admin(), message)).await.expect("changed");
    }

    /// What was taken back, once nobody is at it any more.
    async fn taken_back(&self) -> Vec<String> {
        assert!(self.servers.tasks.wait(Duration::from_secs(30)).await, "it does not end");
        let mut tokens: Vec<String> =
            std::mem::take(&mut *self.played.forms.lock()).into_iter().map(|form| form["token"].clone()).collect();
        tokens.sort_unstable();
        tokens
    }
}

pub(super) fn called<M>(caller: &Caller, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

#[tokio::test]
async fn tokens_of_a_deleted_server_are_taken_back() {
    let mut world = World::new().await;
    world.connect_users(2).await;
    world.user = UserId(SystemIds.next());
    world.connect(json!({"access_token": "alone"})).await;
    world.delete().await;
    assert_eq!(world.taken_back().await, ["0", "1", "alone"], "what renews them, where there is that");
}

/// Whoever deletes the server does not know of a token that is on the way.
#[tokio::test]
async fn a_token_that_is_renewed_while_its_server_is_deleted_is_taken_back_too() {
    const MANY: usize = 1000;
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "first", "expires_in": 5})).await;
    world.played.will(json!({"access_token": "two", "refresh_token": "second", "expires_in": 3600}));
    *world.granted.broken.lock() = MANY;
    let mut asked = Box::pin(world.servers.token(&world.server, world.user));
    assert!(futures::poll!(&mut asked).is_pending());
    while *world.granted.broken.lock() == MANY {
        tokio::task::yield_now().await;
    }
    world.played.form();
    world.delete().await;
    *world.granted.broken.lock() = 0;
    assert_eq!(asked.await, Token::default());
    assert_eq!(world.taken_back().await, ["first", "second"]);
}

/// E: the tokens are the old server's, and so is the authorization server that gave them.
#[tokio::test]
async fn tokens_of_a_server_that_moves_are_taken_back_where_they_are_from() {
    let mut world = World::new().await;
    world.connect_users(2).await;
    let change = |url: &str| pb::UpdateMcpServerRequest { url: Some(url.to_owned()), ..Default::default() };
    world.update(change(&format!("{}/elsewhere", world.played.origin()))).await;
    assert!(world.servers.tasks.running().is_empty(), "on the same host they go on");
    world.update(change("https://elsewhere.example/mcp")).await;
    assert_eq!(world.taken_back().await, ["0", "1"]);
}

#[tokio::test]
async fn a_user_who_disconnected_before_is_not_told_of_again() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old"})).await;
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    world.played.forms.lock().clear();
    world.delete().await;
    assert!(world.taken_back().await.is_empty());
}

/// A mesh that has a secret there shows it: nobody else may take tokens back.
#[tokio::test]
async fn whoever_takes_a_token_back_says_who_it_is() {
    let world = World::new().await;
    let authority = Authority {
        revocation_url: format!("{}/revoke", world.played.origin()),
        client_id: "the mesh".to_owned(),
        client_secret: "a:secret".to_owned(),
        ..Authority::default()
    };
    let grant = Grant {
        authority,
        token_type: String::new(),
        access_token: "one".to_owned(),
        refresh_token: String::new(),
        expires_at: None,
    };
    endpoint::revoke(&world.servers.http, &grant).await.expect("revoked");
    let form = world.played.form();
    assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), ("one", "access_token"));
    assert_eq!((form["authorization"].as_str(), form.get("client_id")), ("Basic dGhlK21lc2g6YSUzQXNlY3JldA==", None));
}

/// What is not to be reached is not reached for this either, and an authorization server that has no place for it, or is
/// away, does not keep a server from being deleted.
#[tokio::test]
async fn a_token_that_can_not_be_taken_back_is_forgotten() {
    for place in ["revoke", "", "nowhere"] {
        let mut world = World::new().await;
        world.connect_users(1).await;
        let kept = world.granted.get(world.server.id, world.user).await.expect("asked").expect("a grant");
        let sealed_for = row(world.server.id, world.user);
        let mut grant: Grant = world.servers.open_value(sealed_for, &kept.sealed).expect("opened");
        grant.authority.revocation_url =
            if place.is_empty() { String::new() } else { format!("{}/{place}", world.played.origin()) };
        let sealed = world.servers.seal_value(sealed_for, &grant).expect("sealed");
        world.granted.put(&GrantRow { sealed, ..kept }).await.expect("written");
        if place == "revoke" {
            let servers = Arc::get_mut(&mut world.servers).expect("nobody else has it");
            servers.http = HttpConnector::build(Addresses::Public).expect("a client");
        }
        world.delete().await;
        assert!(world.taken_back().await.is_empty(), "{place}");
        assert_eq!(world.granted.get(world.server.id, world.user).await.expect("asked"), None, "{place}");
    }
}

/// An authorization server that is slow, or says nothing, is asked for a few at a time, and not for ever.
#[tokio::test(start_paused = true)]
async fn few_are_taken_back_at_once_and_not_for_ever() {
    let began = Instant::now();
    let (now, most) = (Mutex::new(0), Mutex::new(0));
    let work = |number: usize| {
        let (now, most) = (&now, &most);
        async move {
            *now.lock() += 1;
            let at_work = *now.lock();
            let before = *most.lock();
            *most.lock() = before.max(at_work);
            tokio::time::sleep(Duration::from_secs(11)).await;
            *now.lock() -= 1;
            number.is_multiple_of(2)
        }
    };
    assert_eq!(counted((0..20).collect(), work).await, 10);
    assert_eq!((*most.lock(), began.elapsed()), (AT_ONCE, Duration::from_secs(33)));

    let began = Instant::now();
    assert_eq!(counted((0..1000).collect(), work).await, 10 * AT_ONCE / 2);
    assert_eq!(began.elapsed(), DEADLINE);
    let began = Instant::now();
    let first_only = |number: usize| async move { number == 0 || std::future::pending().await };
    assert_eq!(counted((0..20).collect(), first_only).await, 1);
    assert_eq!(began.elapsed(), DEADLINE, "what came until then counts");
}
