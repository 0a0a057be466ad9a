//! A client of the HTTP interface.

use std::sync::Once;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::Events;
use super::deadline::{LONG, eventually};

/// The name of the provider that every test has.
const PROVIDER: &str = "sim";

/// A client of one mesh; clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// Connections like those of any program.
pub(crate) fn http_client() -> reqwest::Client {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().expect("the first in this process");
    });
    reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).build().expect("a client")
}

impl Api {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self { http: http_client(), url: url.to_owned(), token: token.to_owned() }
    }

    /// Makes a request and returns what it is answered.
    ///
    /// # Panics
    /// It fails.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    /// As [`Api::get`], with a body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Makes a request that may fail.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let response = self.send(method, path, body).await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        assert!(status.is_success(), "{path}: {status} {text}");
        assert!(!text.contains("provider_metadata"), "internal to the mesh: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Follows something; `None` where it cannot be reached now.
    pub(crate) async fn try_follow(&self, path: &str) -> Option<Events> {
        let response = self.send(Method::GET, path, None).await.ok()?;
        response.status().is_success().then(|| Events::new(response))
    }

    /// Makes models known by the names of their scripts, from a provider of this type.
    pub(crate) async fn configure_models(&self, provider_type: &str, provider_url: &str, models: &[&str]) {
        let provider = json!({"name": PROVIDER, "type": provider_type, "base_url": provider_url, "api_key": "key"});
        self.post("/api/v1/providers", provider).await;
        for model in models {
            let model = json!({"provider": PROVIDER, "model": model, "name": model, "context_limit": 200_000});
            self.post("/api/v1/models", model).await;
        }
    }

    /// Creates a workspace and waits for its agent.
    pub(crate) async fn create_workspace(&self, name: &str) -> String {
        let workspace = self.post("/api/v1/workspaces", json!({"template": "local", "name": name})).await;
        let id = text(&workspace, "id");
        eventually("the agent is connected", LONG, async || {
            let workspace = self.get(&format!("/api/v1/workspaces/{id}")).await;
            // An agent may connect before its workspace is said to run.
            let is_ready = workspace["status"] == "WORKSPACE_STATUS_RUNNING"
                && workspace["agent"]["status"] == "AGENT_STATUS_CONNECTED";
            if is_ready { Ok(()) } else { Err(workspace) }
        })
        .await;
        id
    }

    /// Creates a chat and returns its identifier.
    pub(crate) async fn create_chat(&self, model: &str, workspace: Option<&str>, first: &str) -> String {
        let mut body = json!({"content": [{"text": first}], "model": model});
        if let Some(workspace) = workspace {
            body["workspace_id"] = json!(workspace);
        }
        text(&self.post("/api/v1/chats", body).await, "id")
    }

    /// Sends a message, to be queued where the chat is busy.
    pub(crate) async fn say(&self, chat: &str, said: &str) -> Value {
        let body = json!({"content": [{"text": said}], "busy_behavior": "BUSY_BEHAVIOR_QUEUE"});
        self.post(&format!("/api/v1/chats/{chat}/messages"), body).await
    }

    pub(crate) async fn chat(&self, chat: &str) -> Value {
        self.get(&format!("/api/v1/chats/{chat}")).await
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, path: &str, field: &str, page_size: usize) -> Vec<Value> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?page_size={page_size}&page_token={token}")).await;
            let items = page[field].as_array().cloned().unwrap_or_default();
            assert!(items.len() <= page_size, "{path}: {} on a page of {page_size}", items.len());
            all.extend(items);
            match page["next_page_token"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => return all,
            }
        }
    }
}

/// A field that is a text.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}")).to_owned()
}
