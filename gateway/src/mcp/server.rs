//! The protocol's side: what is offered, and how outcomes are told.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use http::request::Parts;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::call::{Call, run};
use super::progress::Progress;
use super::tools::Wrong;
use super::{Mcp, tools};
use crate::authenticate::Admission;

/// How long a tool may take: what the longest wait for a command takes, and a little more.
const CALL_TIMEOUT: Duration = Duration::from_secs(330);

/// The tool whose work is of no use to anybody else: a command ends with its time, and with its client.
const COMMAND_TOOL: &str = "workspace_bash";

const INSTRUCTIONS: &str = "Acts on workspaces of a chatmesh deployment: machines in which files are read and written \
and commands are run. Name a workspace by its name or its identifier; `list_workspaces` says which there are. One that \
is stopped is started by `workspace_bash`; for the other tools it has to be started first, and takes a while to be ready: \
`get_workspace` says when its agent is connected.";

/// The server; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Server {
    mcp: Arc<Mcp>,
}

impl Server {
    pub(super) fn new(mcp: Arc<Mcp>) -> Self {
        Self { mcp }
    }

    async fn result(&self, request: CallToolRequestParams, parts: &Parts, progress: Progress) -> Result<Value, String> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let admission = parts.extensions.get::<Admission>().cloned();
        let admission = admission.ok_or_else(|| "nobody was let in with this request".to_owned())?;
        let mut call = Call { mcp: &self.mcp, admission, headers: parts.headers.clone(), arguments, progress };
        let outcome = AssertUnwindSafe(Box::pin(run(&mut call, &request.name))).catch_unwind();
        match tokio::time::timeout(CALL_TIMEOUT, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => {
                // The panic hook has said where.
                error!(tool = %request.name, "a tool panicked");
                Err("the tool failed for a reason of its own: whether it did anything is not known".to_owned())
            }
            Err(_) => Err(format!(
                "the tool did not end within {} seconds: it may still be at work, so look at its effects before you \
                 call it again",
                CALL_TIMEOUT.as_secs()
            )),
        }
    }
}

/// Drops the work when the client goes away or cancels the request, and with it the calls that it has made. Without this,
/// it goes on.
async fn unless_gone<T>(gone: &CancellationToken, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::select! {
        biased;
        done = work => done,
        () = gone.cancelled() => Err("the request was cancelled, and what ran for it was told to end".to_owned()),
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("chatmesh", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let none = JsonObject::new();
        match tools::check(&request.name, request.arguments.as_ref().unwrap_or(&none)) {
            Ok(()) => {}
            Err(Wrong::Tool(message)) => return Err(ErrorData::invalid_params(message, None)),
            // Models mend what they did wrong where they are told as a result.
            Err(Wrong::Arguments(message)) => {
                return Ok(CallToolResult::error(vec![ContentBlock::text(message)]).into());
            }
        }
        let progress = Progress::new(&context.peer, context.meta.get_progress_token());
        let parts = context.extensions.get::<Parts>();
        let parts = parts.ok_or_else(|| ErrorData::internal_error("the request has no headers", None))?;
        let ends_with_client = request.name == COMMAND_TOOL;
        let result = Box::pin(self.result(request, parts, progress));
        let result = if ends_with_client { unless_gone(&context.ct, result).await } else { result.await };
        Ok(match result {
            Ok(result) => CallToolResult::success(vec![ContentBlock::text(result.to_string())]).into(),
            Err(message) => CallToolResult::error(vec![ContentBlock::text(message)]).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// G21: a command whose client went away runs on for nobody. Its call is dropped, by which the tools know.
    #[tokio::test]
    async fn work_for_a_client_that_went_away_is_dropped() {
        let gone = CancellationToken::new();
        let alive = Arc::new(());
        let work = {
            let alive = Arc::clone(&alive);
            let gone = gone.clone();
            async move {
                gone.cancel();
                std::future::pending::<()>().await;
                drop(alive);
                Ok(Value::Null)
            }
        };
        let told = unless_gone(&gone, work).await;
        assert!(told.is_err_and(|told| told.contains("cancelled")));
        assert_eq!(Arc::strong_count(&alive), 1, "nobody works on");
        assert_eq!(unless_gone(&gone, async { Ok(3) }).await, Ok(3), "what is done is told");
    }

    #[test]
    fn there_is_the_tool_that_ends_with_its_client() {
        assert!(tools::all().iter().any(|tool| tool.name == COMMAND_TOOL));
    }
}
