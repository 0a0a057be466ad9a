//! States that a test against a server does not reach, as the API tells them.

use serde_json::{Value, json};

use super::*;

fn judged(status: &Value) -> Verdict {
    let pod = json!({"metadata": {}, "spec": {"containers": []}, "status": status});
    judge(&serde_json::from_value(pod).expect("a Pod"))
}

fn status(init: Value, main: Value) -> Value {
    let container = |name: &str, state: Value| {
        let mut container = json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0});
        container["state"] = state;
        json!([container])
    };
    json!({
        "phase": "Pending",
        "initContainerStatuses": container("install-agent", init),
        "containerStatuses": container("workspace", main),
    })
}

#[test]
fn a_pod_on_its_way_is_waited_for() {
    let initializing = json!({"waiting": {"reason": "PodInitializing"}});
    for (init, main) in [
        (json!({"waiting": {"reason": "PodInitializing"}}), initializing.clone()),
        (json!({"running": {}}), initializing.clone()),
        (json!({"terminated": {"exitCode": 0, "reason": "Completed"}}), initializing),
        (json!({"terminated": {"exitCode": 0}}), json!({"waiting": {"reason": "ContainerCreating"}})),
        (json!({}), json!({})),
    ] {
        assert!(matches!(judged(&status(init, main)), Verdict::Waiting(Patience::Start, _)));
    }
    assert!(matches!(judged(&json!({})), Verdict::Waiting(Patience::Start, _)));
    let ready = status(json!({"terminated": {"exitCode": 0}}), json!({"running": {}}));
    assert_eq!(judged(&ready), Verdict::Running);
}

/// Of several agents each has to run, and the one that never will decides.
#[test]
fn a_pod_runs_when_all_of_its_agents_do() {
    let judged = |states: [Value; 2]| {
        let names = ["workspace", "workspace-2"];
        let container = |(name, state)| json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let statuses: Vec<Value> = names.into_iter().zip(states).map(container).collect();
        let containers = names.map(|name| json!({"name": name}));
        let pod =
            json!({"metadata": {}, "spec": {"containers": containers}, "status": {"containerStatuses": statuses}});
        judge(&serde_json::from_value(pod).expect("a Pod"))
    };
    let (runs, creating) = (json!({"running": {}}), json!({"waiting": {"reason": "ContainerCreating"}}));
    let (pulling, ended) = (json!({"waiting": {"reason": "ErrImagePull"}}), json!({"terminated": {"exitCode": 1}}));
    assert!(matches!(judged([runs.clone(), creating.clone()]), Verdict::Waiting(Patience::Start, _)));
    assert!(matches!(judged([creating, runs.clone()]), Verdict::Waiting(Patience::Start, _)));
    assert!(matches!(judged([pulling, ended]), Verdict::Failed(_)));
    assert_eq!(judged([runs.clone(), runs]), Verdict::Running);
}

#[test]
fn a_pod_that_is_deleted_by_somebody_does_not_run() {
    let metadata = json!({"deletionTimestamp": "2026-01-02T03:04:05Z"});
    let pod = json!({"metadata": metadata, "status": {"phase": "Running"}});
    assert_eq!(judge(&serde_json::from_value(pod).expect("a Pod")), Verdict::Deleted);
}

#[test]
fn an_agent_that_ended_well_has_ended_all_the_same() {
    let ended = status(json!({"terminated": {"exitCode": 0}}), json!({"terminated": {"exitCode": 0}}));
    assert_eq!(judged(&ended), Verdict::Failed("the agent ended right after its start: exit code 0".to_owned()));
}
