//! Terminals over WebSockets.

use chatmesh_core::{IdSource as _, SystemIds};
use serde_json::json;

use crate::wire::Wire;
use crate::with_workspace;

/// T01: two viewers, a size, and the end, through gateway, relay and agent.
#[tokio::test(flavor = "multi_thread")]
async fn two_viewers_see_the_same_terminal_to_its_end() {
    with_workspace(async |mesh, workspace| {
        let id = SystemIds.next();
        let path = format!("{workspace}/terminal?terminal_id={id}&rows=24&cols=80&command=exec%20sh");
        let mut first = Wire::open(mesh, &path).await;
        let attached = first.event().await;
        assert_eq!(attached["attached"]["created"], true, "{attached}");
        assert_eq!(attached["attached"]["terminal"]["size"], json!({"rows": 24, "cols": 80}), "{attached}");
        first.send("echo he''llo\n").await;
        first.until("hello\r\n").await;

        let mut second = Wire::open(mesh, &format!("{workspace}/terminal?terminal_id={id}")).await;
        let attached = second.event().await;
        assert!(attached["attached"]["created"].is_null(), "it joins: {attached}");
        assert!(second.until("hello\r\n").await.contains("he''llo"), "it sees what was there before");

        second.say(r#"{"resize":{"rows":33,"cols":99}}"#).await;
        second.send("stty size\n").await;
        first.until("33 99\r\n").await;
        second.until("33 99\r\n").await;

        first.send("exit 7\n").await;
        for viewer in [&mut first, &mut second] {
            let exited = viewer.skip_to_event().await;
            assert_eq!(exited, json!({"exited": {"exit_code": 7, "reason": "TERMINAL_END_EXITED"}}));
            assert_eq!(viewer.closed().await, 1000);
        }
    })
    .await;
}

/// F.6 11: a viewer that does not read holds nobody up, and is told what it missed.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_does_not_read_holds_nobody_up() {
    with_workspace(async |mesh, workspace| {
        let id = SystemIds.next();
        let mut slow = Wire::open(mesh, &format!("{workspace}/terminal?terminal_id={id}&command=exec%20sh")).await;
        slow.event().await;
        let mut viewer = Wire::open(mesh, &format!("{workspace}/terminal?terminal_id={id}")).await;
        viewer.event().await;
        // More than all buffers on the way together.
        viewer.send("yes 0123456789012345678901234567890 | head -c 60000000; echo the''end; exit\n").await;
        viewer.reach("theend").await;
        let skipped = slow.skip_to_event().await;
        assert!(skipped["skipped"]["bytes"].as_str().is_some_and(|bytes| bytes.parse::<u64>().is_ok()), "{skipped}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_terminal_does_not_understand_is_told_and_ends_the_viewer_alone() {
    with_workspace(async |mesh, workspace| {
        let id = SystemIds.next();
        let path = format!("{workspace}/terminal?terminal_id={id}&command=cat");
        let mut other = Wire::open(mesh, &path).await;
        other.event().await;
        let mut viewer = Wire::open(mesh, &path).await;
        viewer.event().await;
        viewer.say(r#"{"header":{"command":"rm -rf /"}}"#).await;
        let told = viewer.skip_to_event().await;
        assert_eq!(told["error"]["code"], 3, "{told}");
        assert!(told["error"]["message"].as_str().is_some_and(|text| text.contains("only `resize` is")), "{told}");
        assert_eq!(viewer.closed().await, 4400);
        other.send("still here\n").await;
        other.until("still here\r\nstill here").await;

        let authorization = format!("Bearer {}", mesh.admin().token());
        let headers = [("authorization", authorization.as_str())];
        for (query, status, said) in [
            ("terminal_id=nonsense", 400, "terminal_id"),
            ("rows=24", 400, "`cols` must be there"),
            ("token=secret", 400, "`token` is no parameter"),
            ("workdir=/no/such/place", 409, "/no/such/place"),
        ] {
            let refused = Wire::try_open(mesh, &format!("{workspace}/terminal?{query}"), &headers).await;
            let (found, body) = refused.map(drop).expect_err(query);
            assert_eq!(found, status, "{query}: {body}");
            assert!(body["message"].as_str().is_some_and(|text| text.contains(said)), "{query}: {body}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_told_that_the_process_ends_and_does_not_keep_it() {
    let kept = parking_lot::Mutex::new(None);
    with_workspace(async |mesh, workspace| {
        let mut viewer = Wire::open(mesh, &format!("{workspace}/terminal?command=cat")).await;
        viewer.event().await;
        *kept.lock() = Some(viewer);
    })
    .await;
    assert_eq!(kept.into_inner().expect("a viewer").closed().await, 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_its_token_as_a_protocol_and_is_answered_in_the_other_one() {
    with_workspace(async |mesh, workspace| {
        let path = format!("{workspace}/terminal?command=true");
        let offered = format!("chatmesh.v1, bearer.{}", mesh.admin().token());
        let mut viewer =
            Wire::try_open(mesh, &path, &[("sec-websocket-protocol", &offered)]).await.map_err(drop).expect("open");
        assert_eq!(viewer.protocol.as_deref(), Some("chatmesh.v1"));
        assert!(viewer.event().await["attached"].is_object());
        let wrong = [("sec-websocket-protocol", "chatmesh.v1, bearer.wrong")];
        let (status, body) = Wire::try_open(mesh, &path, &wrong).await.map(drop).expect_err("refused");
        assert_eq!(status, 401, "{body}");
    })
    .await;
}
