//! A client of a running mesh, over HTTP as any other program's.

mod follow;
mod refused;
mod socket;
mod workspaces;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Body, Method, RequestBuilder, Response};
use serde_json::Value;

pub(crate) use follow::{Follower, TurnEnd};
pub(crate) use refused::{Refused, is_passing};
pub(crate) use socket::Socket;
pub(crate) use workspaces::Workspace;

use crate::data_dir;

/// How long an answer may take to begin. Streams have no limit after that.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which mesh to talk to, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Connection {
    /// The gateway
    #[arg(long, env = "CHATMESH_URL", value_name = "URL", default_value = "http://127.0.0.1:7080")]
    url: String,
    /// The token; by default the administrator's, from the data directory of `chatmesh up`
    #[arg(long, env = "CHATMESH_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The data directory to take the token from
    #[arg(long, value_name = "DIR", default_value = ".chatmesh")]
    data_dir: PathBuf,
}

/// A client; clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// A client for the mesh that the flags name.
    pub(crate) fn connect(connection: &Connection) -> anyhow::Result<Self> {
        let token = match &connection.token {
            Some(token) => token.clone(),
            None => {
                let file = data_dir::admin_token_file(&connection.data_dir);
                std::fs::read_to_string(&file).with_context(|| {
                    format!(
                        "no token: set CHATMESH_TOKEN, or --data-dir to that of `chatmesh up` (looked for {})",
                        file.display()
                    )
                })?
            }
        };
        Self::new(&connection.url, token.trim())
    }

    /// A client for the mesh at `url`.
    pub(crate) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).tcp_nodelay(true).build()?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        json(self.send(Method::GET, path, None).await?).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        json(self.send(Method::POST, path, Some(body)).await?).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        json(self.send(Method::DELETE, path, None).await?).await
    }

    /// Opens a stream of server-sent events.
    pub(crate) async fn stream(&self, path: &str) -> anyhow::Result<Response> {
        self.send(Method::GET, path, None).await
    }

    /// Sends bytes as they come.
    pub(crate) async fn upload(&self, path: &str, body: Body) -> anyhow::Result<Value> {
        json(self.answer(self.request(Method::POST, path).body(body)).await?).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Response> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = tokio::time::timeout(TIMEOUT, request.send()).await.context("no answer in time")?;
        let response = response.with_context(|| format!("cannot reach {}: is `chatmesh up` running?", self.base))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let error: Value = response.json().await.unwrap_or_default();
        Err(Refused::new(status, &error).into())
    }
}

async fn json(response: Response) -> anyhow::Result<Value> {
    response.json().await.context("the answer is not JSON")
}
