//! What answers: the agent, its session, its machine.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;

use crate::client::{Client, Workspace, is_passing};
use crate::terminal;

/// How long the answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Says who is about to be asked. Where nobody answers yet, that is not the end.
pub(super) async fn show(client: &Client, workspace: &Workspace) -> anyhow::Result<()> {
    let path = format!("/api/v1/workspaces/{}/agent", workspace.id);
    let found = match timeout(ANSWER_TIMEOUT, client.get(&path)).await.context("no answer in time").flatten() {
        Ok(found) => found,
        Err(error) if is_passing(&error) => {
            terminal::line(format!("workspace {} ({}): {error:#}", workspace.name, workspace.id));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let text = |pointer: &str| found.pointer(pointer).and_then(|value| value.as_str()).unwrap_or("unknown").to_owned();
    terminal::line(format!("workspace {} ({})", workspace.name, workspace.id));
    terminal::line(format!(
        "agent     {} version {}, started {}",
        text("/agent_id"),
        text("/facts/agent/version"),
        text("/facts/agent/start_time")
    ));
    terminal::line(format!("session   {} since {}", text("/session/session_id"), text("/session/connect_time")));
    terminal::line(format!(
        "machine   {}, {}, {}",
        text("/facts/system/hostname"),
        text("/facts/system/os"),
        text("/facts/system/kernel")
    ));
    Ok(())
}
