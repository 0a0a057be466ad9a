//! The turn loop to its full depth, through the doors and against a provider that refuses what real ones refuse.

mod chains;
mod client_tools;
mod faults;
mod summaries;
mod tools;

use chatmesh_mesh_tests::Mesh;
use serde_json::{Value, json};

/// Configures another model of a provider: `more` has what differs from the default.
async fn add_model(mesh: &Mesh, provider: &str, name: &str, script: &str, more: &Value) {
    let mut model = json!({"provider": provider, "model": script, "name": name});
    let fields = more.as_object().expect("an object").clone();
    model.as_object_mut().expect("an object").extend(fields);
    mesh.admin().post("/api/v1/models", &model).await.ok();
}

/// A chat with `more` than a first message.
async fn chat_with(mesh: &Mesh, model: &str, text: &str, more: &Value) -> String {
    let mut chat = json!({"content": [{ "text": text }], "model": model});
    let fields = more.as_object().expect("an object").clone();
    chat.as_object_mut().expect("an object").extend(fields);
    let chat = mesh.admin().post("/api/v1/chats", &chat).await.ok();
    chat["id"].as_str().expect("an id").to_owned()
}

/// The bodies of the requests that the provider received.
fn requests(mesh: &Mesh) -> Vec<Value> {
    mesh.simulator().journal().requests().into_iter().map(|request| request.body).collect()
}

/// The requests whose tools may not be called: those for summaries.
fn is_summary(request: &Value) -> bool {
    request["tool_choice"] == "none" || request["tool_choice"]["type"] == "none"
}

/// A value without the marks that say what a provider is to cache, which move on with every request.
fn without_marks(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| *name != "cache_control");
            Value::Object(kept.map(|(name, value)| (name.clone(), without_marks(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_marks).collect(),
        other => other.clone(),
    }
}

/// Each message as its role and what is in it, a word per part.
fn shapes(messages: &[Value]) -> Vec<String> {
    let part = |part: &Value| {
        let kinds = ["text", "tool_call", "tool_result", "reasoning"];
        let kind = kinds.into_iter().find(|kind| part.get(kind).is_some()).unwrap_or("other");
        let name = part[kind]["name"].as_str().map(|name| format!(" {name}")).unwrap_or_default();
        let failed = if part[kind]["is_error"] == true { " failed" } else { "" };
        format!("{kind}{name}{failed}")
    };
    let shape = |message: &Value| {
        let role = message["role"].as_str().unwrap_or_default().trim_start_matches("ROLE_").to_lowercase();
        let parts: Vec<String> = message["content"].as_array().into_iter().flatten().map(part).collect();
        format!("{role}: {}", parts.join(", "))
    };
    messages.iter().map(shape).collect()
}

/// The text of a message.
fn text_of(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}
