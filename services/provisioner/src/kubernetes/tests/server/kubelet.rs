//! What becomes of a Pod.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Inner, Key};

/// What the cluster does with Pods.
#[derive(Debug, Clone, Default)]
pub(crate) enum Kubelet {
    /// Runs them.
    #[default]
    Runs,
    /// Leaves them in this state, with these events: type, reason and message.
    Says(Value, Vec<(&'static str, &'static str, String)>),
}

impl Inner {
    /// Brings a new Pod into its state.
    pub(super) fn run_pod(&mut self, key: &Key) {
        let mut pod = self.objects[key].clone();
        let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let (status, events) = match self.kubelet.clone() {
            _ if self.held.contains(&name) => (json!({"phase": "Pending"}), Vec::new()),
            Kubelet::Runs => {
                self.read_tokens(key, &pod);
                let message = "Started container workspace".to_owned();
                (running(&pod), vec![("Normal", "Started", message)])
            }
            Kubelet::Says(status, events) => (status, events),
        };
        for (number, (kind, reason, message)) in events.iter().enumerate() {
            let name = format!("{name}.{number}");
            let event = json!({
                "apiVersion": "v1", "kind": "Event",
                "metadata": {"name": name, "namespace": key.namespace, "uid": format!("event-{number}")},
                "involvedObject": {"kind": "Pod", "name": key.name, "uid": pod["metadata"]["uid"]},
                "type": kind, "reason": reason, "message": message, "count": 1,
            });
            let key = Key { plural: "events".to_owned(), namespace: key.namespace.clone(), name };
            self.put("ADDED", &key, event);
        }
        pod["status"] = status;
        self.put("MODIFIED", key, pod);
    }

    /// Each container of a Pod reads its token once, when it starts.
    fn read_tokens(&mut self, key: &Key, pod: &Value) {
        let secret = Key { plural: "secrets".to_owned(), ..key.clone() };
        let secret = self.objects.get(&secret).expect("there is a Secret");
        let token = |container: &Value| {
            let variables = container["env"].as_array().expect("variables");
            let file =
                variables.iter().find(|variable| variable["name"] == "CHATMESH_AGENT_TOKEN_FILE").expect("a file");
            let (_, key) = file["value"].as_str().and_then(|path| path.rsplit_once('/')).expect("a path");
            let token = secret["data"][key].as_str().expect("a token");
            let token = base64::engine::general_purpose::STANDARD.decode(token).expect("base64");
            let name = container["name"].as_str().expect("a name").to_owned();
            (name, String::from_utf8(token).expect("a token"))
        };
        let tokens = pod["spec"]["containers"].as_array().expect("containers").iter().map(token).collect();
        let uid = pod["metadata"]["uid"].as_str().expect("a uid").to_owned();
        self.tokens.insert(uid, tokens);
    }
}

/// The state of a Pod that runs.
fn running(pod: &Value) -> Value {
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let states = containers.iter().map(|container| {
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
        })
    });
    json!({"phase": "Running", "containerStatuses": states.collect::<Vec<_>>()})
}
