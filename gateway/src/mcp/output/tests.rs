use std::sync::Arc;

use chatmesh_proto::tools::v1::CallWorkspaceToolResponse;
use chatmesh_proto::tools::v1::workspace_tool_service_server::{WorkspaceToolService, WorkspaceToolServiceServer};
use chatmesh_proto::workspaces::v1::Workspace;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{local, metadata};
use chatmesh_runtime::Tasks;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status};

use super::*;
use crate::activity::Activity;
use crate::authenticate::{Admission, Authenticator};
use crate::mcp::Mcp;
use crate::mcp::progress::Progress;
use crate::neighbours::Neighbours;
use crate::workspace::Access;

/// A command that ends after a time, and whoever waits for it.
#[derive(Debug, Clone)]
struct Command {
    ends_after: Duration,
    asked: Arc<Mutex<Vec<Value>>>,
}

#[tonic::async_trait]
impl WorkspaceToolService for Command {
    async fn call_workspace_tool(
        &self,
        request: Request<CallWorkspaceToolRequest>,
    ) -> Result<Response<CallWorkspaceToolResponse>, Status> {
        let arguments: Value = serde_json::from_str(&request.into_inner().args).expect("JSON");
        self.asked.lock().push(arguments.clone());
        let wait = arguments["wait_timeout"].as_str().map_or(Ok(Duration::ZERO), humantime::parse_duration);
        let Ok(wait) = wait else {
            let result = json!({"error": "it is no duration"}).to_string();
            return Ok(Response::new(CallWorkspaceToolResponse { result, is_error: true }));
        };
        sleep(wait.min(self.ends_after)).await;
        let result = match wait < self.ends_after {
            true => json!({"success": true, "running": true, "output": "so far", "note": "it runs"}),
            false => json!({"success": true, "exit_code": 0, "output": "done"}),
        };
        Ok(Response::new(CallWorkspaceToolResponse { result: result.to_string(), is_error: false }))
    }
}

/// Asks for the output of a command that ends after `ends_after`. Returns what came of it, what the service was asked
/// for, and how long it took.
async fn ask(wait_timeout: Option<&str>, ends_after: Duration, late: Duration) -> (Result<Value, String>, Value, u64) {
    let command = Command { ends_after, asked: Arc::default() };
    let peer = Peer::for_callers(local(WorkspaceToolServiceServer::new(command.clone())));
    let all = || peer.clone();
    let neighbours = Neighbours {
        activity: all(),
        exchange: all(),
        chat: all(),
        identity: all(),
        llm: all(),
        relay: all(),
        tools: all(),
        workspaces: all(),
    };
    let mcp = Mcp::new(&neighbours, Access::new(&neighbours, Tasks::new(), Activity::default()));
    let headers =
        HeaderMap::from_iter([(HeaderName::from_static(metadata::ASSERTION), HeaderValue::from_static("ann"))]);
    let mut arguments = json!({"workspace": "demo", "process_id": "p"});
    if let Some(wait) = wait_timeout {
        arguments["wait_timeout"] = wait.into();
    }
    let admission = Admission::new(Authenticator::new(peer.clone()), "token".into());
    let call = Call { mcp: &mcp, admission, headers, arguments, progress: Progress::to_nobody() };
    let began = Instant::now();
    sleep(late).await;
    let place = Place { workspace: Workspace::default(), agent: String::new() };
    let result = wait(&call, place, wait_timeout.map(str::to_owned)).await;
    let asked = command.asked.lock().pop().expect("a call");
    (result, asked, began.elapsed().as_secs())
}

const HOUR: Duration = Duration::from_secs(3600);

/// A wait that a request cannot last ends before the request does, with the output so far.
#[tokio::test(start_paused = true)]
async fn a_wait_is_no_longer_than_a_request() {
    for wait in ["10m", "4h", " 301s ", "1year"] {
        let (result, asked, took) = ask(Some(wait), HOUR, Duration::ZERO).await;
        let result = result.expect("the output so far");
        assert_eq!((&asked["wait_timeout"], took), (&json!("300000ms"), 300), "{wait}");
        assert_eq!((&result["output"], &result["running"]), (&json!("so far"), &json!(true)), "{wait}");
        let note = "it runs; it was waited for 5m, as long as one call can: call again to wait on";
        assert_eq!(result["note"], note, "{wait}");
    }
}

/// The time in which the workspace was looked for is gone.
#[tokio::test(start_paused = true)]
async fn what_went_by_before_the_wait_counts() {
    let (result, asked, took) = ask(Some("5m"), HOUR, Duration::from_secs(60)).await;
    assert_eq!((&asked["wait_timeout"], took), (&json!("240000ms"), 300));
    assert!(result.expect("the output so far")["note"].to_string().contains("waited for 4m,"));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_fits_is_left_as_it_is() {
    let minute = Duration::from_secs(60);
    for (wait, ends_after, expected) in [
        (Some("5m"), minute, json!({"success": true, "exit_code": 0, "output": "done"})),
        (Some("2h"), minute, json!({"success": true, "exit_code": 0, "output": "done"})),
        (Some("30s"), minute, json!({"success": true, "running": true, "output": "so far", "note": "it runs"})),
        (None, minute, json!({"success": true, "running": true, "output": "so far", "note": "it runs"})),
    ] {
        let (result, asked, _) = ask(wait, ends_after, Duration::ZERO).await;
        assert_eq!(result, Ok(expected), "{wait:?}");
        assert_eq!(asked.get("workspace"), None, "{wait:?}");
    }
    let (wrong, asked, _) = ask(Some("soon"), minute, Duration::ZERO).await;
    assert_eq!((wrong, &asked["wait_timeout"]), (Err("it is no duration".to_owned()), &json!("soon")));
}
