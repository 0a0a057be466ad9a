//! E3: what a cluster does instead of running a Pod, and what those are told who asked for the workspace.

use chatmesh_proto::provisioner::v1::JobErrorCode;
use serde_json::{Value, json};

use super::*;

fn waiting(reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    json!({"phase": "Pending", "containerStatuses": [container("workspace", &state)]})
}

fn container(name: &str, state: &Value) -> Value {
    json!({"name": name, "image": "debian:13", "imageID": "", "ready": false, "restartCount": 0, "state": state})
}

fn ended(container_name: &str, reason: &str, code: i32, message: &str) -> Value {
    let state = json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
    let statuses = if container_name == "workspace" { "containerStatuses" } else { "initContainerStatuses" };
    json!({"phase": "Pending", statuses: [container(container_name, &state)]})
}

fn crashed() -> Value {
    let mut status = waiting("CrashLoopBackOff", "back-off 10s restarting failed container");
    status["containerStatuses"][0]["lastState"] =
        json!({"terminated": {"exitCode": 78, "reason": "Error", "message": "the relay refused this agent\n"}});
    status
}

fn unschedulable() -> Value {
    let message = "0/3 nodes are available: 3 Insufficient memory.";
    let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
    json!({"phase": "Pending", "conditions": [condition]})
}

/// E3: each state of a Pod that never runs becomes one sentence, and nothing that runs is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_pod_that_does_not_run_fails_the_build_with_what_the_cluster_says_of_it() {
    let memory = r#"{"image": "debian:13", "resources": {"limits": {"memory": "64Mi"}}}"#;
    for (settings, status, expected) in [
        (
            LITTLE,
            waiting("ErrImagePull", "manifest unknown"),
            "the image `debian:13` can not be fetched: ErrImagePull: manifest unknown",
        ),
        (
            LITTLE,
            waiting("ImagePullBackOff", "Back-off pulling image"),
            "the image `debian:13` can not be fetched: ImagePullBackOff",
        ),
        (LITTLE, waiting("InvalidImageName", "no such name"), "can not be fetched: InvalidImageName: no such name"),
        (
            LITTLE,
            waiting("CreateContainerConfigError", "no uid"),
            "the container `workspace` can not be started: CreateContainerConfigError: no uid",
        ),
        (LITTLE, crashed(), "the agent ended right after its start: exit code 78: the relay refused this agent"),
        (
            memory,
            ended("workspace", "OOMKilled", 137, ""),
            "the container `workspace` ran out of its memory of 64Mi: raise `kubernetes.resources.limits.memory`",
        ),
        (
            LITTLE,
            ended("install-agent", "OOMKilled", 137, ""),
            "the container `install-agent` ran out of its memory of 256Mi: look at the agent's image",
        ),
        (LITTLE, ended("install-agent", "Error", 127, "cp: not found"), "agent_install): exit code 127: cp: not found"),
        (LITTLE, unschedulable(), "no node takes the Pod: 0/3 nodes are available: 3 Insufficient memory."),
        (
            LITTLE,
            json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"}),
            "the Pod failed: Evicted: low on disk",
        ),
        (LITTLE, json!({"phase": "Pending"}), "does not run after 5 seconds: the Pod's containers are being made"),
    ] {
        let (world, id) = (World::new().await, workspace());
        world.server.kubelet(Kubelet::Says(status.clone(), Vec::new()));
        let mut config = world.config();
        let limits = &mut config.kubernetes;
        limits.retry_timeout = Duration::from_millis(300);
        limits.schedule_timeout = Duration::from_millis(300);
        limits.start_timeout = Duration::from_secs(if expected.contains("5 seconds") { 5 } else { 20 });
        let failure = failure_of(&Kubernetes::new(config), &start(id, "s3cret", settings), &run()).await;
        assert!(failure.to_string().contains(expected), "{status}: {failure}");
        assert_eq!(failure.code(), JobErrorCode::Unspecified, "{status}");
        assert_eq!(world.server.token(&name_of(id)), None);
        assert!(world.server.find("secrets", &name_of(id)).is_none());
        assert!(world.server.find("networkpolicies", &name_of(id)).is_none());
    }
}

/// E3: what the API server answers instead of making a part.
#[tokio::test(flavor = "multi_thread")]
async fn e3_what_the_cluster_refuses_is_told_with_what_to_do() {
    let quota = "pods \"x\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5";
    for (call, code, message, expected, error_code) in [
        ("PATCH pods", 403, quota, "quota of the namespace is used up: pods", JobErrorCode::Unspecified),
        (
            "PATCH secrets",
            403,
            "secrets is forbidden: User can not patch",
            "let the provisioner make the Secret",
            JobErrorCode::Unspecified,
        ),
        (
            "PATCH persistentvolumeclaims",
            422,
            "size: Invalid value",
            "refused to make the PersistentVolumeClaim",
            JobErrorCode::InvalidTemplate,
        ),
        (
            "POST pods",
            422,
            "spec.containers[0].image: Required value",
            "spec.containers[0].image: Required value",
            JobErrorCode::InvalidTemplate,
        ),
        (
            "PATCH networkpolicies",
            404,
            "namespaces \"workspaces\" not found",
            "namespaces \"workspaces\" not found",
            JobErrorCode::Unspecified,
        ),
        (
            "PATCH networkpolicies",
            500,
            "failed to create typed patch object: .spec.egress[0].ports[0].endPort: field not declared in schema",
            "refused to make the NetworkPolicy",
            JobErrorCode::Unspecified,
        ),
        ("GET pods", 401, "Unauthorized", "does not let the provisioner", JobErrorCode::Unspecified),
    ] {
        let (world, id) = (World::new().await, workspace());
        world.server.fails(Fault { call, code, message, times: 99 });
        let failure = failure_of(&world.kubernetes(), &start(id, "s3cret", WITH_VOLUME), &run()).await;
        assert!(failure.to_string().contains(expected), "{call}: {failure}");
        assert_eq!(failure.code(), error_code, "{call}");
        assert!(world.server.find("secrets", &name_of(id)).is_none(), "{call}");
    }
}

/// E3: a template that the cluster refuses does not cost the workspace what runs.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_pod_that_can_not_be_made_leaves_the_one_that_runs() {
    let (world, id) = (World::new().await, workspace());
    let kubernetes = world.kubernetes();
    carry_out(&kubernetes, &start(id, "one", LITTLE), &run()).await.expect("started");
    world.server.fails(Fault { call: "POST pods", code: 422, message: "no such thing", times: 1 });
    let failure = failure_of(&kubernetes, &start(id, "two", LITTLE), &run()).await;
    assert_eq!(failure.code(), JobErrorCode::InvalidTemplate);
    assert_eq!(world.server.token(&name_of(id)).as_deref(), Some("one"));
}

/// E3: a server that stumbles is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn e3_what_passes_is_tried_again() {
    let (world, id) = (World::new().await, workspace());
    for call in ["GET pods", "PATCH secrets", "PATCH pods", "POST pods"] {
        world.server.fails(Fault { call, code: 500, message: "etcd is electing", times: 1 });
    }
    let job = start(id, "one", LITTLE);
    carry_out(&world.kubernetes(), &job, &run()).await.expect("started");
    assert_eq!(world.server.token(&name_of(id)).as_deref(), Some("one"));
}

/// E3: what comes before the Pod has no time of its own: a build that is cut off could undo nothing.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_cluster_that_does_not_answer_takes_no_longer_than_a_start_may() {
    let (world, id) = (World::new().await, workspace());
    world.server.fails(Fault { call: "POST pods", code: 503, message: "etcd is electing", times: u32::MAX });
    let mut config = world.config();
    config.kubernetes.start_timeout = Duration::from_secs(1);
    // Well before the calls are given up by themselves.
    let failure = failure_of(&Kubernetes::new(config), &start(id, "one", LITTLE), &run()).await.to_string();
    assert!(failure.contains("does not run after 1 seconds"), "{failure}");
    assert!(!world.server.requests().iter().any(|call| call.starts_with("PATCH")), "{:?}", world.server.requests());
}

/// E3: what the cluster says of a Pod is in the log of the build.
#[tokio::test(flavor = "multi_thread")]
async fn e3_events_of_the_pod_are_in_the_log() {
    let (world, id) = (World::new().await, workspace());
    let pulling = ("Normal", "Pulling", "Pulling image \"debian:13\"".to_owned());
    let failed = ("Warning", "Failed", "Failed to pull image: token one is no use".to_owned());
    world.server.kubelet(Kubelet::Says(waiting("ErrImagePull", "no"), vec![pulling, failed]));
    let mut config = world.config();
    config.kubernetes.retry_timeout = Duration::from_secs(3);
    let run = run();
    failure_of(&Kubernetes::new(config), &start(id, "one", LITTLE), &run).await;
    let lines = run.log.texts_for_test();
    for expected in ["Pulling: Pulling image \"debian:13\"", "Failed: Failed to pull image: token one is no use"] {
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("the image `debian:13` can not be fetched")), "{lines:?}");
}

/// E3: events are only good to have.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_provisioner_that_may_not_read_events_starts_workspaces_all_the_same() {
    let (world, id) = (World::new().await, workspace());
    world.server.fails(Fault { call: "GET events", code: 403, message: "events is forbidden", times: 99 });
    world.server.hold(&name_of(id));
    let run = run();
    let kubernetes = world.kubernetes();
    let job = start(id, "one", LITTLE);
    let told = async {
        while !run.log.texts_for_test().iter().any(|line| line.contains("may not read the events")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        run.cancel.cancel();
    };
    let (failure, ()) = tokio::join!(failure_of(&kubernetes, &job, &run), told);
    assert_eq!(failure.code(), JobErrorCode::Canceled);
}

/// E3: a volume is only ever made larger, and where that fails the workspace starts with the one that it has.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_volume_that_can_not_change_stays_as_it_is() {
    let (world, id, kubernetes) = {
        let world = World::new().await;
        let kubernetes = world.kubernetes();
        (world, workspace(), kubernetes)
    };
    carry_out(&kubernetes, &start(id, "one", WITH_VOLUME), &run()).await.expect("started");
    let before = world.server.find("persistentvolumeclaims", &name_of(id)).expect("a volume");
    let larger = r#"{"image": "debian:13", "storage": {"size": "20Gi", "class": "other"}}"#;
    carry_out(&kubernetes, &start(id, "two", larger), &run()).await.expect("started");
    let after = world.server.find("persistentvolumeclaims", &name_of(id)).expect("a volume");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["spec"]["resources"]["requests"]["storage"], "20Gi");
    assert_eq!(after["spec"]["storageClassName"], before["spec"]["storageClassName"]);

    let fault = Fault { call: "PATCH persistentvolumeclaims", code: 403, message: "may not be less", times: 1 };
    world.server.fails(fault);
    let run = run();
    carry_out(&kubernetes, &start(id, "three", WITH_VOLUME), &run).await.expect("started");
    let lines = run.log.texts_for_test();
    assert!(lines.iter().any(|line| line.contains("stays as it is") && line.contains("may not be less")), "{lines:?}");
}

/// E3: what the configuration lacks is said before anything is made.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_restricted_network_needs_a_way_to_the_relay() {
    let (world, id) = (World::new().await, workspace());
    let restricted = r#"{"image": "debian:13", "network_policy": {"deny_all_but_relay": true}}"#;
    let failure = failure_of(&world.kubernetes(), &start(id, "one", restricted), &run()).await;
    assert!(failure.to_string().contains("provisioner.kubernetes.relay_egress"), "{failure}");
    assert!(world.server.requests().iter().all(|call| call == "GET pods"), "{:?}", world.server.requests());
}

/// E3: the token is in the Secret and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn e3_the_token_is_in_no_part_but_the_secret() {
    let (world, id) = (World::new().await, workspace());
    carry_out(&world.kubernetes(), &start(id, "s3cret", WITH_VOLUME), &run()).await.expect("started");
    let parts = world.server.named(&name_of(id));
    assert_eq!(parts.len(), 4, "{:?}", parts.keys());
    for (key, part) in parts {
        let text = part.to_string();
        let has_it = text.contains("czNjcmV0") || text.contains("\"s3cret\"");
        assert_eq!(has_it, key.plural == "secrets", "{text}");
        let owners = &part["metadata"]["ownerReferences"];
        assert_eq!(owners.is_array(), ["pods", "networkpolicies"].contains(&key.plural.as_str()), "{text}");
    }
}

/// E3: a namespace that is not configured any more, or was named by another version of the template.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_workspace_is_found_in_every_namespace_that_is_allowed() {
    let (world, id) = (World::new().await, workspace());
    let mut config = world.config();
    config.kubernetes.allowed_namespaces = vec!["team-a".to_owned()];
    let kubernetes = Kubernetes::new(config);
    let there = r#"{"image": "debian:13", "namespace": "team-a", "storage": {"size": "1Gi"}}"#;
    carry_out(&kubernetes, &start(id, "one", there), &run()).await.expect("started");
    assert!(world.server.named(&name_of(id)).keys().all(|key| key.namespace == "team-a"));
    carry_out(&kubernetes, &Job::for_test(id, Work::Delete), &run()).await.expect("deleted");
    assert!(world.server.named(&name_of(id)).is_empty());
}
