//! Where tokens are not sent.

use super::*;

/// Tokens are sent to the host that they are for: an administrator who moves the server does not get to see them.
#[tokio::test]
async fn a_server_that_moved_to_another_host_is_shown_no_token() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 5})).await;
    let mut moved = world.server.clone();
    moved.settings.url = "https://evil.example/mcp".to_owned();
    assert_eq!(world.servers.token(&moved, world.user).await, Token::ended());
    assert!(world.played.forms.lock().is_empty(), "nor is it renewed for that");
    let sent = world.begin().await;
    let state = sent["state"].parse().expect("a state");
    let outcome = world.servers.complete(&moved, world.user, state, "the-code").await;
    assert!(matches!(outcome, Err(Error::Authority { .. })), "{outcome:?}");
    assert!(world.played.forms.lock().is_empty(), "the code is of no use there");
    moved.settings.url = format!("{}/elsewhere", world.played.origin());
    world.played.will(json!({"access_token": "two", "expires_in": 3600}));
    assert_eq!(world.servers.token(&moved, world.user).await.header.as_deref(), Some("Bearer two"), "the same host");
}

#[tokio::test]
async fn tokens_and_codes_are_not_sent_in_clear_text_over_the_internet() {
    let world = World::new().await;
    let problem = async |url: &str| endpoint::checked(&world.servers.http, url).await.err().unwrap_or_default();
    for url in ["http://8.8.8.8/token", "http://[2606:4700::1111]/authorize"] {
        assert!(problem(url).await.contains("clear text"), "{url}");
    }
    for url in ["https://8.8.8.8/token", "http://127.0.0.1:1/token", "http://localhost/token", "http://10.0.0.1/"] {
        assert_eq!(problem(url).await, "", "{url}");
    }
}
