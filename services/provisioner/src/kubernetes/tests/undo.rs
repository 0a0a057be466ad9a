//! What a start that failed has left, and what is said of it: it decides over credits, and whether a stop follows.

use chatmesh_proto::provisioner::v1::JobErrorCode;

use super::*;
use crate::failure::Left;

/// Nothing of the workspace runs, and nothing is left to remove.
const NOTHING: Left = Left { nothing_runs: true, not_undone: false };
/// Something may be there: a stop is to follow.
const REMAINS: Left = Left { nothing_runs: false, not_undone: true };
/// What ran before may run on.
const UNKNOWN: Left = Left { nothing_runs: false, not_undone: false };

fn no_image() -> Kubelet {
    let state = serde_json::json!({"waiting": {"reason": "InvalidImageName", "message": "no such name"}});
    let status = serde_json::json!({"name": "workspace", "image": "-", "imageID": "", "ready": false, "restartCount": 0,
        "state": state});
    Kubelet::Says(serde_json::json!({"phase": "Pending", "containerStatuses": [status]}), Vec::new())
}

/// What is left of the first start of a workspace in a cluster in which no image is found and these calls fail.
async fn left_with(faults: &[Fault]) -> (World, WorkspaceId, Left, Vec<String>) {
    let (world, id, run) = (World::new().await, workspace(), run());
    world.server.kubelet(no_image());
    for fault in faults {
        world.server.fails(fault.clone());
    }
    let failure = failure_of(&world.kubernetes(), &start(id, "one", LITTLE), &run).await;
    let lines = run.log.texts_for_test();
    (world, id, failure.left(), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_undone_leaves_nothing_that_runs() {
    let (world, id, left, _) = left_with(&[]).await;
    assert_eq!(left, NOTHING);
    assert!(world.server.named(&name_of(id)).is_empty(), "the Pod is gone, not only asked to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_given_up_leaves_nothing_that_runs() {
    let (world, id, run) = (World::new().await, workspace(), run());
    world.server.hold(&name_of(id));
    let (kubernetes, job) = (world.kubernetes(), start(id, "one", LITTLE));
    let give_up = async {
        world.server.has("pods", &name_of(id)).await;
        run.cancel.cancel();
    };
    let (failure, ()) = tokio::join!(failure_of(&kubernetes, &job, &run), give_up);
    assert_eq!((failure.code(), failure.left()), (JobErrorCode::Canceled, NOTHING));
}

/// It may be the API server that made the start fail.
#[tokio::test(flavor = "multi_thread")]
async fn undoing_is_tried_again_where_that_may_help() {
    let fault = |call| Fault { call, code: 503, message: "etcd is electing", times: 2 };
    let (world, id, left, _) = left_with(&[fault("DELETE pods"), fault("DELETE secrets")]).await;
    assert_eq!(left, NOTHING);
    assert!(world.server.named(&name_of(id)).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_removed_is_said_to_be_left() {
    for (call, stays) in
        [("DELETE pods", "pods"), ("DELETE networkpolicies", "networkpolicies"), ("DELETE secrets", "secrets")]
    {
        let (world, id, left, lines) = left_with(&[Fault { call, code: 403, message: "you may not", times: 99 }]).await;
        assert_eq!(left, REMAINS, "{call}");
        assert!(world.server.find(stays, &name_of(id)).is_some(), "{call}");
        assert!(lines.iter().any(|line| line.contains("not all of it is removed") && line.contains("you may not")));
    }
}

/// A stop removes what undoing has left.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_removes_what_is_left() {
    let (world, id, left, _) = left_with(&[Fault { call: "DELETE pods", code: 403, message: "no", times: 1 }]).await;
    assert_eq!(left, REMAINS);
    carry_out(&world.kubernetes(), &Job::for_test(id, Work::Stop), &run()).await.expect("stopped");
    assert!(world.server.named(&name_of(id)).is_empty());
}

/// A call without an answer may be carried out after all has been removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_not_answered_may_still_make_something() {
    let (world, id) = (World::new().await, workspace());
    world.server.fails(Fault { call: "PATCH pods", code: 504, message: "Timeout", times: u32::MAX });
    let mut config = world.config();
    config.kubernetes.start_timeout = Duration::from_secs(5);
    let failure = failure_of(&Kubernetes::new(config), &start(id, "one", LITTLE), &run()).await;
    assert_eq!(failure.left(), REMAINS, "{failure}");
    assert!(world.server.find("secrets", &name_of(id)).is_none(), "what is there is removed all the same");
}

/// What a later call is answered says nothing of the one before it, which may still be carried out.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_answer_stays_in_doubt_when_the_next_one_is_refused() {
    let refused = Fault { call: "PATCH pods", code: 403, message: "exceeded quota: team", times: u32::MAX };
    for (code, message, expected) in
        [(LOST, "", REMAINS), (500, "etcdserver: request timed out", REMAINS), (429, "too many requests", NOTHING)]
    {
        let first = Fault { call: "PATCH pods", code, message, times: 1 };
        let (world, id, left, lines) = left_with(&[first, refused.clone()]).await;
        assert_eq!(left, expected, "{code} {message}: {lines:?}");
        let sent = world.server.requests().iter().filter(|call| *call == "PATCH pods").count();
        assert_eq!(sent, 2, "{code} {message}: it is refused for good");
        assert!(world.server.named(&name_of(id)).is_empty(), "what is there is removed all the same");
    }
}

/// Nobody has to stop what was never sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_an_answer_makes_nothing() {
    let (world, id) = (World::new().await, workspace());
    world.server.fails(Fault { call: "GET pods", code: 504, message: "Timeout", times: 1 });
    world.server.fails(Fault { call: "PATCH secrets", code: 403, message: "you may not", times: 1 });
    let failure = failure_of(&world.kubernetes(), &start(id, "one", LITTLE), &run()).await;
    assert_eq!(failure.left(), NOTHING, "{failure}");
}

/// What fails before anything is made has begun nothing, and what ran before runs on.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_begins_nothing_takes_credits_only_for_what_runs() {
    let (world, id) = (World::new().await, workspace());
    let (kubernetes, canceled) = (world.kubernetes(), run());
    canceled.cancel.cancel();
    let refused = || world.server.fails(Fault { call: "POST pods", code: 422, message: "no such thing", times: 1 });
    for expected in [NOTHING, UNKNOWN] {
        let failure = failure_of(&kubernetes, &start(id, "one", LITTLE), &canceled).await;
        assert_eq!(failure.left(), expected, "{failure}");
        let failure = failure_of(&kubernetes, &start(id, "one", "{}"), &run()).await;
        assert_eq!(failure.left(), expected, "{failure}");
        refused();
        let failure = failure_of(&kubernetes, &start(id, "one", LITTLE), &run()).await;
        assert_eq!(failure.left(), expected, "{failure}");
        carry_out(&kubernetes, &start(id, "one", LITTLE), &run()).await.expect("started");
    }
    world.server.fails(Fault { call: "GET pods", code: 403, message: "you may not", times: 99 });
    let failure = failure_of(&kubernetes, &start(workspace(), "one", "{}"), &run()).await;
    assert_eq!(failure.left(), UNKNOWN, "nobody can see whether anything runs");
}
