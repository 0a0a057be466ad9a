//! `workspace_bash`: a command in a workspace, which is started for it where it does not run.

use std::time::Duration;

use chatmesh_proto::tools::v1::CallWorkspaceToolRequest;
use chatmesh_proto::workspaces::v1::{Workspace, WorkspaceStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::acts::{key, send};
use super::call::Call;
use super::name::Place;

/// How long a command is waited for, where the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a start and a command may take together.
const OVERALL: Duration = Duration::from_secs(300);
/// What a command has at least: a start that leaves less was too slow.
const LEAST: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
struct Bash {
    workspace: String,
    command: String,
    timeout_ms: Option<u64>,
    workdir: Option<String>,
    #[serde(default)]
    background: bool,
}

/// Runs a command and waits for it, or leaves it running.
pub(super) async fn bash(call: &mut Call<'_>) -> Result<Value, String> {
    let Bash { workspace: name, command, timeout_ms, workdir, background } = call.parse()?;
    let timeout = timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    if timeout > MAX_TIMEOUT || timeout.is_zero() {
        let (given, most) = (timeout.as_millis(), MAX_TIMEOUT.as_millis());
        return Err(format!(
            "`timeout_ms` is {given}: it must be 1 to {most}; start what takes longer with `background`"
        ));
    }
    let key = key();
    let started = start(call, &name, &key).await?;
    let left = OVERALL.saturating_sub(call.progress.elapsed());
    if left < LEAST {
        return Err(too_slow(&name));
    }
    let timeout = timeout.min(left);
    if started.is_some() {
        call.renew().await?;
    }
    let call = &*call;
    let mut arguments = json!({
        "command": command, "timeout": format!("{}ms", timeout.as_millis()), "run_in_background": background,
    });
    if let Some(workdir) = workdir.filter(|workdir| !workdir.is_empty()) {
        arguments["workdir"] = workdir.into();
    }
    let Place { workspace, agent } = call.place(&name).await?;
    let message = CallWorkspaceToolRequest {
        workspace_id: workspace.id,
        name: "execute".to_owned(),
        args: arguments.to_string(),
        idempotency_key: key,
        agent,
        end_on_timeout: true,
    };
    let mut result = call.progress.during("the command is at work", send(call, message)).await?;
    if let (Some(started), Some(result)) = (started, result.as_object_mut()) {
        result.insert("workspace_started".to_owned(), started);
    }
    Ok(result)
}

/// Starts a workspace that does not run, and waits until its agent is there and its startup scripts have ended. Returns
/// what there is to know of a start; `None` where there was none to wait for.
async fn start(call: &Call<'_>, name: &str, key: &str) -> Result<Option<Value>, String> {
    let (workspace, agent) = call.named(name).await?;
    if !needs_start(&workspace) {
        return Ok(None);
    }
    let message = CallWorkspaceToolRequest {
        workspace_id: workspace.id,
        name: "start_workspace".to_owned(),
        args: "{}".to_owned(),
        // The command has the other half: each of them is done once.
        idempotency_key: format!("{key}/start"),
        agent: agent.unwrap_or_default(),
        ..CallWorkspaceToolRequest::default()
    };
    let starting = call.progress.during("the workspace is being started", send(call, message));
    let left = OVERALL.saturating_sub(call.progress.elapsed());
    match tokio::time::timeout(left, Box::pin(starting)).await {
        Ok(started) => judge(name, &started?).map(Some),
        Err(_) => Err(too_slow(name)),
    }
}

/// True for what a start mends. Of a build that failed somebody should know before there is another one.
fn needs_start(workspace: &Workspace) -> bool {
    use WorkspaceStatus as S;
    match workspace.status() {
        S::Pending | S::Starting | S::Stopping | S::Stopped | S::Canceling | S::Canceled => true,
        S::Unspecified | S::Running | S::Failed | S::Deleting | S::Deleted => false,
    }
}

fn too_slow(name: &str) -> String {
    let seconds = OVERALL.as_secs();
    format!(
        "workspace `{name}` was not ready within {seconds} seconds, and its start goes on: nothing was run. \
         `get_workspace` says how far it is; call again then"
    )
}

/// What came of a start: a sentence where no command can be run.
fn judge(name: &str, started: &Value) -> Result<Value, String> {
    let said = |field: &str| started.get(field).and_then(Value::as_str);
    if let Some(error) = said("error") {
        let advice = said("message").map(|message| format!(" {message}")).unwrap_or_default();
        return Err(format!("workspace `{name}` could not be started: {error}.{advice}"));
    }
    if let Some(error) = said("agent_error") {
        return Err(format!("workspace `{name}` was started, and its agent cannot be used: {error}"));
    }
    Ok(match said("startup_scripts") {
        Some(problem) => json!({ "startup_scripts": problem }),
        None => json!({}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stopped_is_started_and_what_failed_is_not() {
        let needs = |status: WorkspaceStatus| needs_start(&Workspace { status: status.into(), ..Workspace::default() });
        for status in [WorkspaceStatus::Stopped, WorkspaceStatus::Starting, WorkspaceStatus::Canceled] {
            assert!(needs(status), "{status:?}");
        }
        for status in [WorkspaceStatus::Running, WorkspaceStatus::Failed, WorkspaceStatus::Deleting] {
            assert!(!needs(status), "{status:?}");
        }
    }

    #[test]
    fn a_start_that_came_to_nothing_is_told() {
        let judged = |started| judge("demo", &started);
        let well = json!({"started": true, "workspace_name": "demo"});
        assert_eq!(judged(well), Ok(json!({})));
        let scripts = json!({"started": true, "startup_scripts": "startup_scripts_failed"});
        assert_eq!(judged(scripts), Ok(json!({"startup_scripts": "startup_scripts_failed"})));
        let failed = judged(json!({"error": "no room", "message": "Ask for more."}));
        assert_eq!(failed, Err("workspace `demo` could not be started: no room. Ask for more.".to_owned()));
        let alone = judged(json!({"started": true, "agent_status": "not_ready", "agent_error": "it did not come"}));
        assert!(alone.is_err_and(|error| error.contains("was started") && error.contains("it did not come")));
    }
}
