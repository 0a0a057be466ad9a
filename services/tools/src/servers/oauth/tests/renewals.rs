//! Tokens that are renewed.

use super::*;

#[tokio::test]
async fn a_token_is_renewed_within_ten_seconds_of_its_end_and_keeps_what_is_not_rotated() {
    let world = World::new().await;
    let first = json!({"access_token": "one", "token_type": "Bearer", "refresh_token": "keep", "expires_in": 5});
    world.connect(first).await;
    world.played.will(json!({"access_token": "two", "expires_in": "9"}));
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"));
    let form = world.played.form();
    assert_eq!((form["grant_type"].as_str(), form["refresh_token"].as_str()), ("refresh_token", "keep"));
    world.played.will(json!({"access_token": "three", "refresh_token": "rotated", "expires_in": 8}));
    assert_eq!(world.token().await.as_deref(), Some("Bearer three"));
    assert_eq!(world.played.form()["refresh_token"], "keep", "the server did not rotate it");
    world.played.will(json!({"access_token": "four", "expires_in": 3600}));
    assert_eq!(world.token().await.as_deref(), Some("Bearer four"));
    assert_eq!(world.played.form()["refresh_token"], "rotated");
    assert_eq!(world.token().await.as_deref(), Some("Bearer four"), "it is good for an hour");
}

#[tokio::test]
async fn what_a_server_takes_no_more_is_not_tried_again_until_the_user_connects() {
    for error in ["invalid_grant", "bad_refresh_token"] {
        let world = World::new().await;
        world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 5})).await;
        world.played.will(json!({ "error": error }));
        assert_eq!(world.token().await, None, "{error}");
        world.played.form();
        assert_eq!(world.token().await, None, "{error}");
        assert!(world.played.forms.lock().is_empty(), "{error}: nobody asks again");
        world.connect(json!({"access_token": "new"})).await;
        assert_eq!(world.token().await.as_deref(), Some("Bearer new"), "{error}");
    }
}

#[tokio::test]
async fn a_renewal_that_fails_for_a_moment_leaves_the_token_as_long_as_it_lasts() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old", "expires_in": 9})).await;
    world.played.will(json!({"error": "temporarily_unavailable"}));
    assert_eq!(world.token().await.as_deref(), Some("Bearer one"));
}

/// Two processes that renew the same token at once would show a refresh token twice, which ends a grant.
#[tokio::test]
async fn of_all_processes_one_renews_a_token_and_the_others_take_what_comes_of_it() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "first", "expires_in": 5})).await;
    world.played.will(json!({"access_token": "two", "refresh_token": "second", "expires_in": 3600}));
    let replicas = [Arc::clone(&world.servers), world.servers.replica(), world.servers.replica()];
    let tokens = replicas.iter().map(|servers| servers.token(&world.server, world.user));
    for token in futures::future::join_all(tokens).await {
        assert_eq!(token.header.as_deref(), Some("Bearer two"));
    }
    assert_eq!(world.played.form()["refresh_token"], "first");
    assert!(world.played.forms.lock().is_empty(), "the second request would have ended the grant");
}

/// The old refresh token is worth nothing by then.
#[tokio::test]
async fn a_renewed_token_outlasts_a_write_that_fails() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "first", "expires_in": 5})).await;
    world.played.will(json!({"access_token": "two", "refresh_token": "second", "expires_in": 3600}));
    *world.granted.broken.lock() = 2;
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"));
    let other = world.servers.replica().token(&world.server, world.user).await;
    assert_eq!(other.header.as_deref(), Some("Bearer two"), "it was kept");
}

#[tokio::test]
async fn a_renewal_goes_on_where_its_caller_goes_away() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "first", "expires_in": 5})).await;
    world.played.will(json!({"access_token": "two", "refresh_token": "second", "expires_in": 3600}));
    let mut asked = Box::pin(world.servers.token(&world.server, world.user));
    assert!(futures::poll!(&mut asked).is_pending());
    drop(asked);
    assert_eq!(world.token().await.as_deref(), Some("Bearer two"));
    world.played.form();
    assert!(world.played.forms.lock().is_empty(), "it is asked for once");
}
