//! `workspace_process_output`: what a command has written, after a wait that a request can last.

use std::time::Duration;

use chatmesh_proto::tools::v1::CallWorkspaceToolRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::acts::{arguments, key, send};
use super::call::Call;
use super::name::Place;

/// The longest wait, with what went by before: a request has to end with an answer before its own time is over.
const MAX_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Deserialize)]
struct Output {
    workspace: String,
    wait_timeout: Option<String>,
}

/// Waits for a command as long as a request can, and returns what it has written by then.
pub(super) async fn process_output(call: &Call<'_>) -> Result<Value, String> {
    let Output { workspace, wait_timeout } = call.parse()?;
    let place = call.place(&workspace).await?;
    wait(call, place, wait_timeout).await
}

async fn wait(call: &Call<'_>, place: Place, wait_timeout: Option<String>) -> Result<Value, String> {
    let Place { workspace, agent } = place;
    let mut arguments = arguments(call);
    let left = MAX_WAIT.saturating_sub(call.progress.elapsed());
    let cut = wait_timeout.filter(|asked| is_longer(asked, left)).map(|_| left);
    if let (Some(wait), Some(arguments)) = (cut, arguments.as_object_mut()) {
        arguments.insert("wait_timeout".to_owned(), format!("{}ms", wait.as_millis()).into());
    }
    let message = CallWorkspaceToolRequest {
        workspace_id: workspace.id,
        name: "process_output".to_owned(),
        args: arguments.to_string(),
        idempotency_key: key(),
        agent,
        ..CallWorkspaceToolRequest::default()
    };
    let mut result = call.progress.during("the command is waited for", send(call, message)).await?;
    if let Some(wait) = cut {
        explain(&mut result, wait);
    }
    Ok(result)
}

/// True for a wait of more than `most`. What is no duration is left to the tool, which says so.
fn is_longer(asked: &str, most: Duration) -> bool {
    humantime::parse_duration(asked.trim()).is_ok_and(|asked| asked > most)
}

/// Says of a command that still runs that it was waited for less than asked for.
fn explain(result: &mut Value, wait: Duration) {
    let Some(result) = result.as_object_mut().filter(|result| result.get("running") == Some(&json!(true))) else {
        return;
    };
    let wait = humantime::format_duration(Duration::from_secs(wait.as_secs()));
    let cut = format!("it was waited for {wait}, as long as one call can: call again to wait on");
    let note = match result.get("note").and_then(Value::as_str) {
        Some(note) => format!("{note}; {cut}"),
        None => cut,
    };
    result.insert("note".to_owned(), note.into());
}

#[cfg(test)]
mod tests;
