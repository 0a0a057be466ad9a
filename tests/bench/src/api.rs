//! A client of a mesh's HTTP interface.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chatmesh_testkit::simulator::Simulator;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::deadline::{LONG, eventually};
use crate::sse::Events;

/// The name of the provider that every mesh has.
const PROVIDER: &str = "sim";
const PAUSE: Duration = Duration::from_millis(10);
const PAGE_SIZE: usize = 100;

/// A client with the administrator's token; clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Api {
    pub(crate) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().connect_timeout(LONG).tcp_nodelay(true).build()?;
        Ok(Self { http, url: url.to_owned(), token: token.to_owned() })
    }

    /// Where the mesh is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The administrator's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.http.get(format!("{}{path}", self.url)).timeout(LONG)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}{path}", self.url)).timeout(LONG).json(body)).await
    }

    /// Makes the models of a provider known by their names.
    pub(crate) async fn configure(&self, provider_url: &str, models: &[&str]) -> anyhow::Result<()> {
        let provider =
            json!({"name": PROVIDER, "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": provider_url, "api_key": "any"});
        self.post("/api/v1/providers", &provider).await?;
        for model in models {
            let model = json!({"provider": PROVIDER, "model": model, "name": model, "context_limit": 200_000});
            self.post("/api/v1/models", &model).await?;
        }
        Ok(())
    }

    /// As [`Api::configure`], with one model of a simulator.
    pub(crate) async fn configure_simulator(&self, simulator: &Simulator, model: &str) -> anyhow::Result<()> {
        self.configure(&simulator.base_url(), &[model]).await
    }

    /// Creates a workspace and waits for its agent.
    pub(crate) async fn create_workspace(&self) -> anyhow::Result<String> {
        let id = id_of(&self.post("/api/v1/workspaces", &json!({"template": "local", "name": "bench"})).await?)?;
        eventually("the agent is connected", LONG, PAUSE, async || {
            let found = self.get(&format!("/api/v1/workspaces/{id}")).await?;
            // An agent may connect before its workspace is said to run.
            let runs = found["status"] == "WORKSPACE_STATUS_RUNNING";
            Ok((runs && found["agent"]["status"] == "AGENT_STATUS_CONNECTED").then_some(()))
        })
        .await?;
        Ok(id)
    }

    /// Creates a chat with a first message, and returns its identifier.
    pub(crate) async fn create_chat(&self, model: &str, said: &str, workspace: Option<&str>) -> anyhow::Result<String> {
        let mut body = json!({"content": [{"text": said}], "model": model});
        if let Some(workspace) = workspace {
            body["workspace_id"] = json!(workspace);
        }
        id_of(&self.post("/api/v1/chats", &body).await?)
    }

    /// Follows a chat.
    pub(crate) async fn follow(&self, chat: &str) -> anyhow::Result<Events> {
        let request = self.http.get(format!("{}/api/v1/chats/{chat}/stream", self.url));
        Ok(Events::new(succeeded(request.bearer_auth(&self.token).send().await?).await?))
    }

    /// Reads on to the end of a turn.
    pub(crate) async fn turn_ends(&self, events: &mut Events) -> anyhow::Result<()> {
        let last = loop {
            let event = events.until("\"CHAT_STATUS_").await?;
            if !event.data.contains("CHAT_STATUS_RUNNING") {
                break event;
            }
        };
        ensure!(last.data.contains("CHAT_STATUS_WAITING"), "the turn failed: {}", last.data);
        Ok(())
    }

    /// Runs the first turn of a new chat to its end.
    pub(crate) async fn run_turn(&self, model: &str, workspace: Option<&str>) -> anyhow::Result<()> {
        let chat = self.create_chat(model, "go", workspace).await?;
        let mut events = self.follow(&chat).await?;
        tokio::time::timeout(LONG, self.turn_ends(&mut events)).await.context("the turn does not end")?
    }

    /// What all chats are doing.
    pub(crate) async fn statuses(&self) -> anyhow::Result<Vec<String>> {
        self.statuses_of("/api/v1/chats", "chats").await
    }

    /// What all resources of a kind are doing.
    pub(crate) async fn statuses_of(&self, path: &str, field: &str) -> anyhow::Result<Vec<String>> {
        let (mut statuses, mut token) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?page_size={PAGE_SIZE}&page_token={token}")).await?;
            let found = page[field].as_array().map_or(&[][..], Vec::as_slice);
            statuses.extend(found.iter().map(|one| one["status"].as_str().unwrap_or_default().to_owned()));
            match page["next_page_token"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut token),
                _ => return Ok(statuses),
            }
        }
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        Ok(succeeded(request.bearer_auth(&self.token).send().await?).await?.json().await?)
    }
}

async fn succeeded(response: Response) -> anyhow::Result<Response> {
    let (status, path) = (response.status(), response.url().path().to_owned());
    if !status.is_success() {
        anyhow::bail!("{path}: {status} {}", response.text().await?);
    }
    Ok(response)
}

fn id_of(resource: &Value) -> anyhow::Result<String> {
    Ok(resource["id"].as_str().with_context(|| format!("no id in {resource}"))?.to_owned())
}
