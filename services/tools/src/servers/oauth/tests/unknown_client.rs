//! Authorization servers that do not know the mesh any more (RFC 6749, 5.2: `invalid_client`).

use super::*;
use crate::outcome::Outcome;

impl World {
    /// Configures this secret, and the authorization server wants to see it.
    async fn configure_secret(&mut self, secret: &str) {
        self.configure_client("ours", secret);
        self.server.version += 1;
        assert!(self.servers.store.update(&self.server).await.expect("written"));
        self.want_secret(secret);
    }

    fn want_secret(&self, secret: &str) {
        *self.played.wants.lock() = format!("Basic {}", BASE64_STANDARD.encode(format!("ours:{secret}")));
    }
}

/// The grant is over with the registration: the user connects again, and the mesh is registered anew for that.
#[tokio::test]
async fn a_grant_is_over_where_the_authorization_server_forgot_the_mesh() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 5})).await;
    world.played.will(json!({"error": "invalid_client"}));
    assert_eq!(world.servers.token(&world.server, world.user).await, Token::ended());
    world.played.form();
    for servers in [Arc::clone(&world.servers), world.servers.replica()] {
        assert_eq!(servers.token(&world.server, world.user).await, Token::ended());
    }
    assert!(world.played.forms.lock().is_empty(), "nobody asks again");
    assert!(!world.is_connected().await);

    let registered = world.played.registered.lock().len();
    world.connect(json!({"access_token": "new"})).await;
    assert_eq!(world.played.registered.lock().len(), registered + 1);
    assert_eq!(world.token().await.as_deref(), Some("Bearer new"));
}

/// It is the administrator who can help there, and what was granted is good again then.
#[tokio::test]
async fn a_configured_client_that_is_not_taken_is_told_of_and_its_grant_stays() {
    let mut world = World::real().await;
    world.configure_secret("a-secret").await;
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 0})).await;
    world.want_secret("another-secret");
    let called = world.call_for_real().await;
    let Outcome::Failure(told) = &called else { panic!("{called:?}") };
    assert!(told.contains("MCP server `one`") && told.contains("administrator has to mend its `oauth2`"), "{told}");
    assert!(world.is_connected().await);

    world.configure_secret("another-secret").await;
    world.played.will(json!({"access_token": "two", "expires_in": 3600}));
    // What came of a renewal is remembered for a while where it was made.
    let token = world.servers.replica().token(&world.server, world.user).await;
    assert_eq!(token.header.as_deref(), Some("Bearer two"));
    assert_eq!(world.played.form()["refresh_token"], "old");
}
