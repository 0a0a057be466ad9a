//! Tokens that a server refuses before their end.

use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::outcome::Outcome;
use crate::servers::client::{Addresses, HttpConnector};
use crate::servers::offer::{Asked, Outcome as Listing};

/// The server itself, which takes some tokens and no others.
pub(super) async fn serve(State(played): State<Played>, headers: HeaderMap, Json(message): Json<Value>) -> Response {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !played.takes.lock().iter().any(|token| shown == format!("Bearer {token}")) {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response();
    }
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "played", "version": "1"},
        }),
        "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
        "tools/call" => {
            *played.calls.lock() += 1;
            json!({"content": [{"type": "text", "text": "done"}]})
        }
        _ => return StatusCode::ACCEPTED.into_response(),
    };
    Json(json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).into_response()
}

impl World {
    /// The same with a server that is really there.
    pub(super) async fn real() -> Self {
        let world = Self::new().await;
        let connector = Arc::new(HttpConnector::build(Addresses::AlsoPrivate).expect("a client"));
        let servers = Arc::new(world.servers.with_connector(connector));
        Self { servers, ..world }
    }

    /// Connects the user with a token that is said to last, and that the server takes.
    async fn connect_for_long(&self) {
        *self.played.takes.lock() = vec!["one".to_owned()];
        self.connect(json!({"access_token": "one", "refresh_token": "first", "expires_in": 3600})).await;
    }

    /// The server forgets the token, and takes another one; the authorization server gives this one.
    fn replace(&self, taken: &str, given: &str) {
        *self.played.takes.lock() = vec![taken.to_owned()];
        self.played.will(json!({"access_token": given, "refresh_token": "second", "expires_in": 3600}));
    }

    pub(super) async fn call_for_real(&self) -> Outcome {
        let request = pb::CallToolRequest {
            chat_id: "chat-1".to_owned(),
            name: "one__echo".to_owned(),
            ..pb::CallToolRequest::default()
        };
        self.servers.call(self.user, &request, Some(pb::ChatMode::Root)).await.expect("a tool of a server")
    }

    pub(super) async fn is_connected(&self) -> bool {
        let kept = self.servers.granted(&self.server, self.user).await.expect("read");
        kept.is_some()
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_and_the_server_is_connected_with_the_new_one() {
    let world = World::real().await;
    world.connect_for_long().await;
    world.replace("two", "two");
    let asked = Asked::alone(world.user);
    let listed = world.servers.ask(&world.server, &asked).await;
    assert!(matches!(&listed, Listing::Listed(tools) if tools.len() == 1), "{listed:?}");
    assert_eq!(world.played.form()["refresh_token"], "first");
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"), "it is kept");
}

#[tokio::test]
async fn a_call_whose_token_is_refused_is_made_with_a_new_one() {
    let world = World::real().await;
    world.connect_for_long().await;
    assert!(matches!(world.call_for_real().await, Outcome::Result(_)));
    world.replace("two", "two");
    let called = world.call_for_real().await;
    assert!(matches!(&called, Outcome::Result(text) if text.contains("done")), "{called:?}");
    assert_eq!(world.played.form()["refresh_token"], "first");
    assert_eq!(*world.played.calls.lock(), 2, "each of them is made once");
}

/// It is not tried again and again; and it is the authorization server that says when a grant is worth nothing.
#[tokio::test]
async fn a_server_that_refuses_the_renewed_token_too_wants_its_user_to_connect_again() {
    let world = World::real().await;
    world.connect_for_long().await;
    assert!(matches!(world.call_for_real().await, Outcome::Result(_)));
    world.replace("another", "two");
    let refused = world.call_for_real().await;
    assert!(matches!(&refused, Outcome::Failure(text) if text.contains("nothing was done")), "{refused:?}");
    assert!(world.is_connected().await);
    world.played.form();
    let refused = world.call_for_real().await;
    assert!(matches!(&refused, Outcome::Failure(text) if text.contains("authorization")), "{refused:?}");
    assert!(world.played.forms.lock().is_empty(), "it was renewed once");
    assert_eq!(*world.played.calls.lock(), 1);
    *world.played.takes.lock() = vec!["two".to_owned()];
    let called = world.call_for_real().await;
    assert!(matches!(&called, Outcome::Result(text) if text.contains("done")), "{called:?}: it is as it was before");
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_renewed_stays_for_a_server_that_takes_it_again() {
    let world = World::real().await;
    *world.played.takes.lock() = Vec::new();
    world.connect(json!({"access_token": "one"})).await;
    let refused = world.call_for_real().await;
    assert!(matches!(&refused, Outcome::Failure(text) if text.contains("authorization")), "{refused:?}");
    assert!(world.is_connected().await && world.played.forms.lock().is_empty());
}
