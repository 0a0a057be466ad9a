//! As whom a server is asked, from call to call.

use std::time::Duration;

use super::*;
use crate::outcome::Outcome;
use crate::servers::offer::{Asked, Outcome as Listing};
use crate::servers::testing::Does;

impl World {
    /// Calls a tool in a chat that is the same every time, and says as whom the server was connected for that, if it was.
    async fn call(&self) -> Vec<String> {
        let request = pb::CallToolRequest {
            chat_id: "chat-1".to_owned(),
            name: "one__echo".to_owned(),
            ..pb::CallToolRequest::default()
        };
        let called = self.servers.call(self.user, &request, Some(pb::ChatMode::Root)).await;
        assert!(matches!(called, Some(Outcome::Result(_))), "{called:?}");
        self.network.shown()
    }
}

#[tokio::test]
async fn a_busy_chat_does_not_go_on_as_an_account_that_was_disconnected() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one"})).await;
    assert_eq!(world.call().await, ["Bearer one"]);
    assert_eq!(world.call().await, [""; 0], "the session is kept");
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    assert_eq!(world.call().await, [""]);
    world.connect(json!({"access_token": "two"})).await;
    assert_eq!(world.call().await, ["Bearer two"]);
    world.connect(json!({"access_token": "three"})).await;
    assert_eq!(world.call().await, ["Bearer three"], "another account without a word in between");
}

/// E: a token is renewed within ten seconds of its end, and a session does not outlast the token that it was opened with.
#[tokio::test]
async fn an_open_session_does_not_go_on_with_an_expired_token() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "first", "expires_in": 5})).await;
    for (token, seconds) in [("two", 5), ("three", 3600)] {
        world.played.will(json!({"access_token": token, "expires_in": seconds}));
        assert_eq!(world.call().await, [format!("Bearer {token}")]);
    }
    assert_eq!(world.call().await, [""; 0], "it is good for an hour");
    world.connect(json!({"access_token": "four", "expires_in": 0})).await;
    assert_eq!(world.call().await, [""], "what is over is not shown");
}

/// Another process that could not list the tools before the user connected lists them at once.
#[tokio::test]
async fn whoever_connects_has_the_tools_in_every_process_at_once() {
    let world = World::new().await;
    let (other, asked) = (world.servers.replica(), Asked::alone(world.user));
    let label = "127";
    world.network.set(label, Does::Fail);
    assert!(matches!(other.listing(&world.server, &asked).await, Listing::Failed(_)));
    world.connect(json!({"access_token": "one"})).await;
    world.network.set(label, Does::Serve(Duration::ZERO));
    assert!(matches!(other.listing(&world.server, &asked).await, Listing::Listed(_)));
}
