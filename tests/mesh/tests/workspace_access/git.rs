//! Repositories over WebSockets.

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_testkit::Repository;
use serde_json::json;

use crate::wire::Wire;
use crate::with_workspace;

/// G01: a repository that the client names is shown as it is, and again when it has changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_shown_as_it_is_and_whenever_it_has_changed() {
    with_workspace(async |mesh, workspace| {
        let repository = Repository::serve(&[("a.txt", "one\n")]).await;
        let root = repository.source().canonicalize().expect("a path");
        std::fs::write(root.join("a.txt"), "two\n").expect("written");

        let mut viewer = Wire::open(mesh, &format!("{workspace}/git")).await;
        viewer.say(&json!({"paths": [root.join("a.txt")]}).to_string()).await;
        let shown = viewer.event().await;
        let repository = &shown["repository"];
        assert_eq!((repository["repo_root"].as_str(), repository["branch"].as_str()), (root.to_str(), Some("main")));
        assert!(repository["unified_diff"].as_str().is_some_and(|diff| diff.contains("+two")), "{shown}");

        std::fs::write(root.join("a.txt"), "three\n").expect("written");
        viewer.say(r#"{"refresh":{}}"#).await;
        let shown = viewer.event().await;
        assert!(shown["repository"]["unified_diff"].as_str().is_some_and(|diff| diff.contains("+three")), "{shown}");

        viewer.say(r#"{"what":1}"#).await;
        assert_eq!(viewer.event().await["error"]["code"], 3);
        assert_eq!(viewer.closed().await, 4400);
    })
    .await;
}

/// F.6 2: a watch is for chats of the caller only.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_somebody_elses_chat_is_refused() {
    with_workspace(async |mesh, workspace| {
        let authorization = format!("Bearer {}", mesh.admin().token());
        let headers = [("authorization", authorization.as_str())];
        let theirs = mesh.member("other").await.chat("model", "Hello.").await;
        for chat in [theirs.as_str(), &SystemIds.next().to_string()] {
            let refused = Wire::try_open(mesh, &format!("{workspace}/git?chat_id={chat}"), &headers).await;
            let (status, body) = refused.map(drop).expect_err("refused");
            assert_eq!(status, 404, "{body}");
        }
        let mine = mesh.admin().chat("model", "Hello.").await;
        let mut viewer = Wire::open(mesh, &format!("{workspace}/git?chat_id={mine}")).await;
        viewer.send("bytes").await;
        assert_eq!(viewer.event().await["error"]["code"], 3);
    })
    .await;
}
