//! `chatmesh mcp connect`: the user says yes in a browser, which comes back to this program.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::terminal;

/// How long the user may take: what the mesh waits.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the browser comes back with.
#[derive(Debug, Deserialize)]
struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// Connects the user to the server at `path`.
pub(super) async fn run(client: &Client, path: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the browser")?;
    let redirect_uri = format!("http://{}/callback", listener.local_addr()?);
    let begun = client.post(&format!("{path}:connect"), &json!({ "redirect_uri": redirect_uri })).await?;
    terminal::line("Open this page in a browser on this machine:");
    terminal::line(begun["authorization_url"].as_str().unwrap_or_default());

    let back =
        tokio::time::timeout(PATIENCE, wait(listener)).await.context("nobody came back within ten minutes")??;
    anyhow::ensure!(back.error.is_empty(), "the authorization server says: {}", back.error);
    let body = json!({"state": back.state, "code": back.code});
    client.post(&format!("{path}:completeConnection"), &body).await?;
    terminal::line("connected");
    Ok(())
}

async fn wait(listener: TcpListener) -> anyhow::Result<Back> {
    let (sender, mut receiver) = mpsc::channel(1);
    let router = Router::new().route("/callback", get(callback)).with_state(sender);
    tokio::select! {
        served = async { axum::serve(listener, router).await } => {
            served.context("the browser cannot be answered")?;
            anyhow::bail!("the browser cannot be answered")
        }
        back = receiver.recv() => {
            // The page is on its way.
            tokio::time::sleep(Duration::from_millis(200)).await;
            back.context("the browser did not come back")
        }
    }
}

async fn callback(State(sender): State<mpsc::Sender<Back>>, Query(back): Query<Back>) -> &'static str {
    // Whoever comes first is waited for.
    let _ = sender.try_send(back);
    "You may close this page.\n"
}
