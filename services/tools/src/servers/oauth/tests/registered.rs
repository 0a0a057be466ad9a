//! Secrets of clients: those that an authorization server issued, and those of an administrator.

use super::*;
use crate::servers::store::{GrantRow, GrantStore as _};

impl World {
    /// An authorization server that issues a secret to whom it registers, and wants to see it.
    async fn issuing() -> Self {
        let world = Self::new().await;
        *world.played.issues.lock() = BTreeMap::from([("client_secret".to_owned(), "issued".to_owned())]);
        *world.played.wants.lock() = format!("Basic {}", BASE64_STANDARD.encode("the-mesh:issued"));
        world
    }

    /// What the user was granted, as releases kept it that did not note whose the client is.
    async fn forget_whose_the_client_is(&self) {
        let kept = self.granted.get(self.server.id, self.user).await.expect("asked").expect("a grant");
        let sealed_for = row(self.server.id, self.user);
        let mut grant: Value = self.servers.open_value(sealed_for, &kept.sealed).expect("opened");
        let authority = grant["authority"].as_object_mut().expect("an object");
        for field in ["client_from", "secret_in_form"] {
            authority.remove(field).expect("it is noted");
        }
        let sealed = self.servers.seal_value(sealed_for, &grant).expect("sealed");
        self.granted.put(&GrantRow { sealed, ..kept }).await.expect("written");
    }
}

/// RFC 7591, 3.2.1: a server may issue a secret though none was asked for, and wants to see it from then on.
#[tokio::test]
async fn a_user_connects_where_the_authorization_server_issues_a_secret() {
    let world = World::issuing().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 5})).await;
    world.played.will(json!({"access_token": "two", "expires_in": 3600}));
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"), "it is renewed, too");
    assert_eq!(world.played.form().get("client_id"), None, "the secret is in the header");
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    assert_eq!(world.played.form()["token"], "old");
}

#[tokio::test]
async fn an_issued_secret_goes_where_the_authorization_server_wants_it() {
    let world = World::issuing().await;
    let in_form = ("token_endpoint_auth_method".to_owned(), "client_secret_post".to_owned());
    world.played.issues.lock().extend([in_form]);
    world.played.wants.lock().clear();
    let sent = world.begin().await;
    world.played.will(json!({"access_token": "one"}));
    world.complete(world.user, &sent["state"]).await.expect("connected");
    let form = world.played.form();
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("the-mesh", "issued"));
}

/// Nobody can tell it from one that an administrator gave: its user connects once more.
#[tokio::test]
async fn an_issued_secret_of_before_it_was_noted_whose_it_is_is_not_used() {
    let world = World::issuing().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 3600})).await;
    assert_eq!(world.token().await.as_deref(), Some("Bearer one"));
    world.forget_whose_the_client_is().await;
    assert_eq!(world.token().await, None);
}

/// What a server once said of where its authorization server is, counts no more than what an administrator says now.
#[tokio::test]
async fn a_configured_secret_of_before_goes_nowhere_but_to_the_configured_endpoint() {
    let mut world = World::new().await;
    world.configure_client("ours", "a-secret");
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 5})).await;
    world.forget_whose_the_client_is().await;
    for secret in ["a-secret", "another-secret", ""] {
        world.configure_client("ours", secret);
        let oauth2 = world.server.settings.oauth2.as_mut().expect("configured");
        "https://elsewhere.example/token".clone_into(&mut oauth2.token_url);
        assert_eq!(world.token().await, None, "{secret}");
    }
    assert!(world.played.forms.lock().is_empty(), "nor is it renewed");
    world.configure_client("ours", "a-secret");
    world.played.will(json!({"access_token": "two", "expires_in": 3600}));
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"));
}

#[test]
fn where_a_secret_goes_depends_on_whose_it_is() {
    use ClientFrom::{Configuration, Registration};

    let is_of = |client_from: ClientFrom, client: (&str, &str), configured: (&str, &str)| {
        let mut server = server("one");
        let authority = Authority {
            token_url: "https://sso.example/token".to_owned(),
            client_id: client.0.to_owned(),
            client_secret: client.1.to_owned(),
            client_from,
            resource: server.settings.url.clone(),
            ..Authority::default()
        };
        let (id, token_url) = configured;
        server.settings.oauth2 = Some(pb::McpOauth2 {
            client_id: id.to_owned(),
            token_url: token_url.to_owned(),
            ..pb::McpOauth2::default()
        });
        authority.is_of(&server)
    };
    let (there, elsewhere) = ("https://sso.example/token", "https://elsewhere.example/token");
    for (client_from, client, configured, expected) in [
        (Registration, ("issued", "s"), ("", ""), true),
        (Registration, ("issued", "s"), ("ours", elsewhere), true),
        (Configuration, ("ours", "o"), ("ours", there), true),
        (Configuration, ("ours", "o"), ("ours", elsewhere), false),
        (Configuration, ("ours", "o"), ("ours", ""), false),
        // Another client took its place altogether.
        (Configuration, ("ours", "o"), ("theirs", elsewhere), false),
        (Configuration, ("ours", "o"), ("", ""), false),
        (Configuration, ("ours", ""), ("ours", elsewhere), true),
    ] {
        assert_eq!(is_of(client_from, client, configured), expected, "{client_from:?} {client:?} {configured:?}");
    }
}
