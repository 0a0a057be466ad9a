//! Workspaces that are there before anybody asks, against those that are made on request.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::push;
use crate::api::Api;
use crate::deadline::eventually;
use crate::figures::Spread;
use crate::mesh::Cluster;

const TEMPLATE: &str = "pool";
const PRESET: &str = "ready";
/// The template whose workspaces are all made on request.
const PLAIN: &str = "local";
const PAUSE: Duration = Duration::from_millis(1);
const SLOW_PAUSE: Duration = Duration::from_millis(50);

/// How long it takes from the request until the agent of the workspace is connected.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) prebuilt: Spread,
    pub(super) fresh: Spread,
}

/// Asks for workspaces of a preset that has some prebuilt, and for others.
pub(super) async fn claim(cluster: &Cluster, claims: usize, limit: Duration) -> anyhow::Result<Claimed> {
    let api = cluster.api();
    let manifest = format!(
        "description = \"a directory\"\nprovisioner = \"local\"\n\n[[presets]]\nname = \"{PRESET}\"\nprebuilds = {{ instances = 2 }}\n"
    );
    push(api, TEMPLATE, &manifest).await?;
    let (mut prebuilt, mut fresh, mut asked) = (Vec::new(), Vec::new(), 0);
    for _ in 0..claims {
        // The pool fills again by itself; nobody but its owner can see that.
        let ready = eventually("a prebuilt workspace is claimed", limit, SLOW_PAUSE, async || {
            asked += 1;
            let wanted = json!({"template": TEMPLATE, "name": format!("p{asked}"), "preset": PRESET});
            let (took, was_prebuilt) = ask(api, &wanted).await?;
            Ok(was_prebuilt.then_some(took))
        });
        let took = ready.await?;
        prebuilt.push(took);
    }
    for number in 0..claims {
        fresh.push(ask(api, &json!({"template": PLAIN, "name": format!("f{number}")})).await?.0);
    }
    Ok(Claimed { prebuilt: Spread::of(prebuilt)?, fresh: Spread::of(fresh)? })
}

/// Asks for a workspace; says how long it took until its agent was connected, and whether it was there before.
async fn ask(api: &Api, wanted: &Value) -> anyhow::Result<(Duration, bool)> {
    let began = Instant::now();
    let made = api.post("/api/v1/workspaces", wanted).await?;
    let id = made["id"].as_str().with_context(|| format!("no id in {made}"))?;
    let was_prebuilt = is_connected(&made);
    if !was_prebuilt {
        let limit = crate::deadline::LONG;
        eventually("the agent is connected", limit, PAUSE, async || {
            let found = api.get(&format!("/api/v1/workspaces/{id}")).await?;
            Ok(is_connected(&found).then_some(()))
        })
        .await?;
    }
    Ok((began.elapsed(), was_prebuilt))
}

fn is_connected(workspace: &Value) -> bool {
    workspace["agent"]["status"] == "AGENT_STATUS_CONNECTED"
}
