//! A mesh with a provider of each protocol.

use chatmesh_mesh_tests::{Client, Mesh};
use chatmesh_testkit::simulator::Script;
use serde_json::{Value, json};

/// The models: their names, the types of their providers, and what these call them, which are
/// models that reason.
pub const MODELS: [(&str, &str, &str); 3] = [
    ("on-anthropic", "PROVIDER_TYPE_ANTHROPIC", "claude-sonnet-4-5"),
    ("on-openai-chat", "PROVIDER_TYPE_OPENAI_CHAT", "gpt-5.1"),
    ("on-openai-responses", "PROVIDER_TYPE_OPENAI", "gpt-5.1"),
];

/// A mesh and somebody who may use it.
#[derive(Debug)]
pub struct World<'a> {
    /// The mesh, whose simulator answers with a script.
    pub mesh: &'a Mesh,
    /// Somebody's client.
    pub client: Client,
}

impl World<'_> {
    /// Runs a test on a mesh with the [`MODELS`], which all do what the script says.
    pub async fn run(script: Script, test: impl AsyncFnOnce(&World<'_>)) {
        Mesh::run(vec![script.clone()], async |mesh| {
            let world = World { mesh, client: mesh.member("ada").await };
            for (name, kind, model) in MODELS {
                mesh.simulator().add_script(Script { model: model.to_owned(), ..script.clone() });
                world.model(name, kind, &mesh.simulator().base_url(), "key", model).await;
            }
            test(&world).await;
        })
        .await;
    }

    /// Configures a model at a provider of its own.
    pub async fn model(&self, name: &str, kind: &str, base_url: &str, key: &str, model: &str) {
        let provider = format!("provider-{name}");
        let body = json!({"name": provider, "type": kind, "base_url": base_url, "api_key": key});
        self.mesh.admin().post("/api/v1/providers", &body).await.ok();
        let body = json!({"provider": provider, "model": model, "name": name});
        self.mesh.admin().post("/api/v1/models", &body).await.ok();
    }

    /// Runs a turn of a new chat to its end, in a workspace or in none, and returns its messages.
    ///
    /// # Panics
    /// It does not end well.
    pub async fn turn(&self, model: &str, text: &str, workspace: Option<&str>) -> Vec<Value> {
        let body = json!({"content": [{ "text": text }], "model": model, "workspace_id": workspace});
        let chat = self.client.post("/api/v1/chats", &body).await.ok();
        let chat = chat["id"].as_str().expect("an identifier").to_owned();
        self.client.settled(&chat, "CHAT_STATUS_WAITING").await;
        self.client.messages(&chat).await
    }
}
