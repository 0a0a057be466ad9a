//! A client of the HTTP/JSON door.

use std::time::Duration;

use chatmesh_llm::sse::Parser;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{Events, eventually};

/// How long an answer may take to begin.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Calls the mesh with one token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// A status and a JSON body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body of an answer that must be good.
    ///
    /// # Panics
    /// It is an error.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }
}

impl Client {
    /// A client of the mesh at `url`.
    ///
    /// # Panics
    /// The HTTP client cannot be made.
    #[must_use]
    pub fn new(url: &str, token: &str) -> Self {
        // Every client has connections of its own: what one holds up, no other notices.
        let http = reqwest::Client::builder().connect_timeout(TIMEOUT).build().expect("an HTTP client");
        Self { http, url: url.to_owned(), token: token.to_owned(), header: None }
    }

    /// The same client with a further header on every request.
    #[must_use]
    pub fn with_header(&self, header: (HeaderName, HeaderValue)) -> Self {
        Self { header: Some(header), ..self.clone() }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.send(Method::GET, path, None).await).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.send(Method::POST, path, Some(body)).await).await
    }

    /// `PATCH path` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.send(Method::PATCH, path, Some(body)).await).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.send(Method::DELETE, path, None).await).await
    }

    /// Sends a request and returns its answer as it begins.
    ///
    /// # Panics
    /// There is no answer in time.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = tokio::time::timeout(TIMEOUT, request.send()).await.expect("an answer in time");
        response.expect("an answer")
    }

    /// Creates a workspace and waits until its agent is connected.
    ///
    /// # Panics
    /// It is not created, or the agent does not come.
    pub async fn workspace(&self, name: &str) -> String {
        self.workspace_of("local", name).await
    }

    /// The same, of a template.
    ///
    /// # Panics
    /// As `workspace`.
    pub async fn workspace_of(&self, template: &str, name: &str) -> String {
        let workspace = self.post("/api/v1/workspaces", &json!({"template": template, "name": name})).await.ok();
        let id = workspace["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/workspaces/{id}");
        // An agent may connect before its workspace is said to run.
        let is_ready = |found: &Value| {
            found["status"] == "WORKSPACE_STATUS_RUNNING" && found["agent"]["status"] == "AGENT_STATUS_CONNECTED"
        };
        eventually("the agent is connected", async || self.get(&path).await.ok(), is_ready).await;
        id
    }

    /// Creates a chat with the model that is named like this and returns its identifier.
    ///
    /// # Panics
    /// It is not created.
    pub async fn chat(&self, model: &str, text: &str) -> String {
        let chat = self.post("/api/v1/chats", &json!({"content": [{ "text": text }], "model": model})).await.ok();
        chat["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a text to a chat.
    pub async fn say(&self, chat: &str, text: &str) -> Value {
        self.post(&format!("/api/v1/chats/{chat}/messages"), &json!({"content": [{ "text": text }]})).await.ok()
    }

    /// Waits until the chat has this status, and returns the chat.
    pub async fn settled(&self, chat: &str, status: &str) -> Value {
        let path = format!("/api/v1/chats/{chat}");
        eventually(status, async || self.get(&path).await.ok(), |chat| chat["status"] == status).await
    }

    /// The committed messages of a chat.
    ///
    /// # Panics
    /// There is no list.
    pub async fn messages(&self, chat: &str) -> Vec<Value> {
        let list = self.get(&format!("/api/v1/chats/{chat}/messages?page_size=200")).await.ok();
        list["messages"].as_array().expect("messages").clone()
    }

    /// Follows a chat from after a message.
    ///
    /// # Panics
    /// The stream does not open.
    pub async fn follow(&self, chat: &str, after: u64) -> Events {
        let path = format!("/api/v1/chats/{chat}/stream?after_message_id={after}");
        let response = self.send(Method::GET, &path, None).await;
        assert_eq!(response.status(), StatusCode::OK);
        Events::new(response, Parser::new())
    }
}

async fn answer(response: Response) -> Answer {
    let status = response.status();
    Answer { status, body: response.json().await.unwrap_or_default() }
}
