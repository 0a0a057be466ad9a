//! `chatmesh demo`: the whole way of a turn, for real, in a temporary directory.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use chatmesh_core::ExposeSecret as _;
use serde_json::json;

use super::{Sources, environment, setup, up};
use crate::client::{Client, Follower, TurnEnd};
use crate::mesh::{Up, UpOptions};
use crate::terminal;

/// What the turn has to make in the workspace.
const FILE: &str = "hello.txt";
const PROMPT: &str = "Write a one-line greeting to the file hello.txt in your working directory and, at the same \
time, find out on which system you are (`uname -s && pwd`). Then read the file back, count its bytes with `wc -c`, \
and tell me in one or two sentences what you did.";
/// How long the workspace may take to be there.
const WORKSPACE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the turn may take.
const TURN_TIMEOUT: Duration = Duration::from_secs(300);
/// The least that the turn must have shown.
const MIN_TOOL_CALLS: usize = 3;
const MIN_TOOL_KINDS: usize = 2;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    sources: Sources,
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    let directory = tempfile::Builder::new().prefix("chatmesh-demo-").tempdir()?;
    // The demo's own lines are what there is to see; logs come on request.
    let log = args.sources.log.clone().unwrap_or_else(|| "warn".to_owned());
    let sources = Sources { log: Some(log), ..args.sources };
    let config = setup::config(&sources, vec![("server.listen", "127.0.0.1:0".to_owned())])?;
    let telemetry = setup::telemetry("chatmesh-demo", &config)?;

    let began = Instant::now();
    let options = UpOptions { data_dir: directory.path().join("data"), presets: environment::presets(), agent: None };
    let mesh = Up::start(config, options).await?;
    terminal::line(format!("mesh       ready at {} after {} ms", mesh.url(), began.elapsed().as_millis()));
    for found in mesh.found() {
        terminal::line(format!("provider   {}", up::describe(found)));
    }
    let outcome = turn(&mesh).await;
    let clean = mesh.stop().await;
    setup::flush(telemetry).await;
    outcome?;
    ensure!(clean, "the mesh did not end as it should");
    terminal::line(format!("done       everything worked, {:.1} s in all", began.elapsed().as_secs_f64()));
    Ok(true)
}

async fn turn(mesh: &Up) -> anyhow::Result<()> {
    let client = Client::new(&mesh.url(), mesh.admin_token().expose_secret())?;
    let began = Instant::now();
    let workspace = client.post("/api/v1/workspaces", &json!({"template": "local", "name": "demo"})).await?;
    let workspace = workspace["id"].as_str().context("the workspace has no id")?.to_owned();
    wait_for_agent(&client, &workspace).await?;
    terminal::line(format!("workspace  {workspace}, its agent connected after {} ms", began.elapsed().as_millis()));

    let body = json!({"content": [{"text": PROMPT}], "workspace_id": workspace});
    let chat = client.post("/api/v1/chats", &body).await?;
    let chat = chat["id"].as_str().context("the chat has no id")?.to_owned();
    terminal::line(format!("chat       {chat}"));
    terminal::line(format!("prompt     {PROMPT}\n"));
    let began = Instant::now();
    let mut follower = Follower::new(client.clone(), &chat, 1, false);
    let end = tokio::time::timeout(TURN_TIMEOUT, follower.follow()).await.context("the turn did not end in time")??;
    ensure!(end == TurnEnd::Waiting, "the turn ended in an error");
    let calls = follower.tool_calls();
    terminal::line(format!("\nturn       {} tool calls in {} ms", calls.len(), began.elapsed().as_millis()));
    let mut kinds: Vec<&String> = calls.iter().collect();
    kinds.sort();
    kinds.dedup();
    ensure!(
        calls.len() >= MIN_TOOL_CALLS && kinds.len() >= MIN_TOOL_KINDS,
        "the turn made {} tool calls of {} kinds, at least {MIN_TOOL_CALLS} of {MIN_TOOL_KINDS} were expected",
        calls.len(),
        kinds.len(),
    );

    let file = home_of(mesh.data_dir().path(), &workspace).join(FILE);
    let text = std::fs::read_to_string(&file).with_context(|| format!("the turn did not make {}", file.display()))?;
    ensure!(!text.trim().is_empty(), "{} is empty", file.display());
    terminal::line(format!("verified   {} holds {:?}", file.display(), text.trim_end()));

    client.delete(&format!("/api/v1/workspaces/{workspace}")).await?;
    Ok(())
}

/// Where the local provisioner keeps the files of a workspace.
fn home_of(data_dir: &Path, workspace: &str) -> std::path::PathBuf {
    data_dir.join("workspaces").join(workspace).join("home")
}

async fn wait_for_agent(client: &Client, workspace: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + WORKSPACE_TIMEOUT;
    loop {
        let found = client.get(&format!("/api/v1/workspaces/{workspace}")).await?;
        let status = found["status"].as_str().unwrap_or_default();
        if found["agent"]["status"] == "AGENT_STATUS_CONNECTED" {
            return Ok(());
        }
        if status == "WORKSPACE_STATUS_FAILED" {
            bail!("the workspace failed: {}", found["latest_build"]["error"].as_str().unwrap_or("no reason given"));
        }
        ensure!(Instant::now() < deadline, "the workspace's agent did not connect in time; it is {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
