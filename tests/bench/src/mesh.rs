//! The same turn through the whole mesh, in a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::MODEL;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A running `chatmesh up`.
pub(crate) struct Mesh {
    process: Child,
    http: reqwest::Client,
    url: String,
    token: String,
    workspace: String,
    _directory: TempDir,
}

impl Mesh {
    /// Starts it, and says how long it took from the start of the process to its being ready.
    pub(crate) async fn start(binary: &Path, provider: &str) -> anyhow::Result<(Self, Duration)> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let began = Instant::now();
        let mut process = Command::new(binary)
            .args(["up", "--listen", "127.0.0.1:0", "--log", "error", "--data-dir"])
            .arg(&data)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let output = process.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let first = lines.next_line().await?.context("it ended at once")?;
        let started = began.elapsed();
        let url = first.split_whitespace().find(|word| word.starts_with("http://")).context("no address")?;
        let token = std::fs::read_to_string(data.join("admin.token"))?.trim().to_owned();
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        let mut mesh =
            Self { process, http, url: url.to_owned(), token, workspace: String::new(), _directory: directory };
        mesh.set_up(provider).await?;
        Ok((mesh, started))
    }

    async fn set_up(&mut self, provider: &str) -> anyhow::Result<()> {
        let body = json!({"name": "sim", "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": provider, "api_key": "any"});
        self.post("/api/v1/providers", &body).await?;
        self.post("/api/v1/models", &json!({"provider": "sim", "model": MODEL, "is_default": true})).await?;
        let workspace = self.post("/api/v1/workspaces", &json!({"template": "local", "name": "bench"})).await?;
        self.workspace = workspace["id"].as_str().context("no id")?.to_owned();
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let found = self.get(&format!("/api/v1/workspaces/{}", self.workspace)).await?;
            if found["agent"]["status"] == "AGENT_STATUS_CONNECTED" {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the agent did not connect: {found}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The process's resident memory.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let pid = self.process.id().context("it is gone")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }

    /// Runs a turn, from sending the message to the event that it has ended.
    pub(crate) async fn turn(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let body = json!({"content": [{"text": "go"}], "workspace_id": self.workspace});
        let chat = self.post("/api/v1/chats", &body).await?;
        let path = format!("/api/v1/chats/{}/stream", chat["id"].as_str().context("no id")?);
        let mut response = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await?;
        let mut text = String::new();
        while let Some(bytes) = response.chunk().await? {
            text.push_str(&String::from_utf8_lossy(&bytes));
            if text.contains("CHAT_STATUS_WAITING") {
                return Ok(began.elapsed());
            }
            if text.contains("CHAT_STATUS_ERROR") {
                bail!("the turn failed: {text}");
            }
        }
        bail!("the stream ended: {text}")
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        if let Some(pid) = self.process.id() {
            // The agent is stopped by an orderly end.
            let _ = Command::new("kill").arg(pid.to_string()).status().await;
        }
        let _ = tokio::time::timeout(TIMEOUT, self.process.wait()).await;
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url));
        Ok(request.bearer_auth(&self.token).send().await?.error_for_status()?.json().await?)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        let response = request.bearer_auth(&self.token).send().await?;
        ensure!(response.status().is_success(), "{path}: {}", response.text().await?);
        Ok(response.json().await?)
    }
}
