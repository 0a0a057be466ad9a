//! The suite that all backends pass, over a simulated cluster.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::conformance::{World as Promises, suite};

struct Simulated {
    world: World,
    /// The volumes that have a file, by their uid.
    written: Mutex<HashSet<String>>,
}

impl Simulated {
    async fn world() -> Option<Self> {
        Some(Self { world: World::new().await, written: Mutex::default() })
    }

    fn volume(&self, id: WorkspaceId) -> Option<String> {
        let claim = self.world.server.find("persistentvolumeclaims", &name_of(id))?;
        claim["metadata"]["uid"].as_str().map(str::to_owned)
    }
}

#[async_trait]
impl Promises for Simulated {
    async fn provisioner(&self) -> Arc<dyn Backend> {
        Arc::new(self.world.kubernetes())
    }

    fn settings(&self) -> String {
        WITH_VOLUME.to_owned()
    }

    fn garbage(&self) -> Vec<String> {
        let garbage = [
            "",
            "{}",
            "[]",
            r#"{"image": "x", "privileged": true}"#,
            r#"{"image": "x", "namespace": "kube-system"}"#,
            r#"{"image": "x", "run_as_user": 0}"#,
        ];
        garbage.map(str::to_owned).to_vec()
    }

    async fn token_of(&self, id: WorkspaceId, agent: &str) -> Option<String> {
        let container = if agent == "main" { "workspace" } else { "workspace-2" };
        self.world.server.token_of(&name_of(id), container)
    }

    async fn environment(&self, id: WorkspaceId) -> BTreeMap<String, String> {
        let pod = self.world.server.find("pods", &name_of(id)).expect("a Pod");
        let variables = pod["spec"]["containers"][0]["env"].as_array().cloned().unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
    }

    async fn write_file(&self, id: WorkspaceId) {
        let volume = self.volume(id).expect("a volume");
        self.written.lock().insert(volume);
    }

    async fn has_file(&self, id: WorkspaceId) -> bool {
        self.volume(id).is_some_and(|volume| self.written.lock().contains(&volume))
    }

    async fn is_left(&self, id: WorkspaceId) -> bool {
        !self.world.server.named(&name_of(id)).is_empty()
    }

    async fn hold(&self, id: WorkspaceId) {
        self.world.server.hold(&name_of(id));
    }

    async fn half_way(&self, id: WorkspaceId) {
        self.world.server.has("pods", &name_of(id)).await;
    }

    async fn release(&self, id: WorkspaceId) {
        self.world.server.release(&name_of(id));
    }
}

suite!(Simulated);
