//! Chats whose models call `create_workspace`, all at once.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig, Step};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::TEMPLATE;
use crate::api::Api;
use crate::figures::Spread;
use crate::mesh::Cluster;

const MODEL: &str = "bench-maker";

/// What became of the calls.
#[derive(Debug)]
pub(super) struct Made {
    /// How long each chat took that has a workspace, from its first message to the end of its turn.
    ready: Vec<Duration>,
    refused: usize,
    /// From the first message to the last answer.
    pub(super) took: Duration,
    /// How many workspaces run in the end.
    pub(super) running: usize,
}

impl Made {
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    pub(super) fn ready_after(&self) -> anyhow::Result<Spread> {
        Spread::of(self.ready.clone())
    }
}

/// Has so many chats make a workspace each.
pub(super) async fn make(cluster: &Cluster, chats: usize, limit: Duration) -> anyhow::Result<Made> {
    let api = cluster.api();
    let template = api.get(&format!("/api/v1/templates/{TEMPLATE}")).await?;
    let create = Step::calls().call("create_workspace", json!({"template_id": template["id"]}));
    let script = Script::new(MODEL).step(create).step(Step::text("Done."));
    let simulator = Simulator::start(SimulatorConfig::default().with_script(script)).await?;
    api.configure_simulator(&simulator, MODEL).await?;

    let began = Instant::now();
    let outcomes: Vec<(Value, Duration)> = tokio::time::timeout(
        limit,
        stream::iter(0..chats).map(async |_| one(api, limit).await).buffer_unordered(chats).try_collect(),
    )
    .await
    .context("the chats do not end")??;
    let took = began.elapsed();

    let (mut ready, mut refused) = (Vec::new(), 0);
    for (result, time) in outcomes {
        if result["created"] == true && result.get("agent_status").is_none() {
            ready.push(time);
        } else if result["error_code"] == "INSUFFICIENT_QUOTA" {
            refused += 1;
        } else {
            bail!("neither ready nor refused: {result}");
        }
    }
    let statuses = api.statuses_of("/api/v1/workspaces", "workspaces").await?;
    let running = statuses.iter().filter(|status| *status == "WORKSPACE_STATUS_RUNNING").count();
    Ok(Made { ready, refused, took, running })
}

/// What one chat is told of its workspace, and how long its turn took.
async fn one(api: &Api, limit: Duration) -> anyhow::Result<(Value, Duration)> {
    let began = Instant::now();
    let chat = api.create_chat(MODEL, "go", None).await?;
    let mut events = api.follow(&chat).await?;
    tokio::time::timeout(limit, api.turn_ends(&mut events)).await.context("the turn does not end")??;
    let took = began.elapsed();
    let page = api.get(&format!("/api/v1/chats/{chat}/messages")).await?;
    let messages = page["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let parts = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    let mut results = parts.filter_map(|part| part["tool_result"]["result"].as_str());
    let result = results.next().with_context(|| format!("no result in {page}"))?;
    Ok((serde_json::from_str(result)?, took))
}
