//! Running the tools that a model asked for.

use std::time::Duration;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Part, Role, ToolCall, ToolResult};
use chatmesh_proto::tools::v1::tool_service_client::ToolServiceClient;
use chatmesh_proto::tools::v1::{CallToolRequest, CallToolResponse, ListToolsRequest, ListToolsResponse};
use chatmesh_rpc::client::request_on_behalf_of;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::{Instrument as _, info_span, warn};

use super::Partial;
use crate::domain::Chat;
use crate::state::State;

/// How long the list of tools may take in all: long enough for the service to be restarted.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one try may take.
const LIST_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a tool may take: what the longest allowed command takes, and a little more.
const CALL_TIMEOUT: Duration = Duration::from_secs(4 * 3600 + 300);
/// How often a call is made while the service that runs tools is away, which with the pauses is
/// about half a minute. The idempotency key makes that safe.
const CALL_ATTEMPTS: u32 = 10;

/// The tools that the chat may use. A turn does not go on without them: the model would be told
/// that it has none, in the middle of its work.
pub(super) async fn list(state: &State, chat: &Chat) -> Result<ListToolsResponse, GenerationError> {
    let give_up_at = Instant::now() + LIST_TIMEOUT;
    let mut backoff = chatmesh_core::Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        match list_once(state, chat).await {
            Ok(tools) => return Ok(tools),
            Err(status) if is_passing(status.code()) && Instant::now() < give_up_at => {
                warn!(chat = %chat.id, error = %status.message(), "the tools cannot be listed, trying again");
                tokio::time::sleep(backoff.next_pause()).await;
            }
            Err(status) => {
                return Err(GenerationError {
                    message: "The tools of this chat are not available. Send the message again in a while.".to_owned(),
                    detail: status.message().to_owned(),
                    kind: ErrorKind::Generic.into(),
                    ..GenerationError::default()
                });
            }
        }
    }
}

/// True for what trying again may mend.
fn is_passing(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled)
}

async fn list_once(state: &State, chat: &Chat) -> Result<ListToolsResponse, Status> {
    let message = ListToolsRequest {
        chat_id: chat.id.to_string(),
        workspace_id: chat.workspace_id.map(|id| id.to_string()).unwrap_or_default(),
    };
    let mut request = request_on_behalf_of(chat.owner_id, message);
    request.set_timeout(LIST_ATTEMPT_TIMEOUT);
    let mut tools = ToolServiceClient::new(state.neighbours.tools.clone());
    tools.list_tools(request).await.map(tonic::Response::into_inner)
}

/// Runs all calls at the same time and returns their results in the order of the calls. Each
/// result is shown live when it is there.
pub(super) async fn run(
    state: &State,
    chat: &Chat,
    calls: &[ToolCall],
    finish_reason: FinishReason,
    partial: &mut Partial,
) -> Vec<Part> {
    let versions = chat.versions;
    let episode = state.episodes.find(chat.id, versions.history, versions.generation_attempt);
    let mut running: FuturesUnordered<_> = calls
        .iter()
        .enumerate()
        .map(|(index, call)| async move {
            let began = state.clock.now();
            let outcome = outcome(state, chat, call, finish_reason).await;
            let mut part = result_part(call, outcome);
            part.create_time = Some(began.into());
            part.complete_time = Some(state.clock.now().into());
            (index, part)
        })
        .collect();
    let mut results: Vec<Option<Part>> = vec![None; calls.len()];
    while let Some((index, part)) = running.next().await {
        if let Some(episode) = &episode {
            episode.push(Role::Tool, u32::try_from(index).unwrap_or(u32::MAX), part.clone());
        }
        partial.result(part.clone());
        results[index] = Some(part);
    }
    results.into_iter().flatten().collect()
}

async fn outcome(state: &State, chat: &Chat, call: &ToolCall, finish_reason: FinishReason) -> CallToolResponse {
    if finish_reason == FinishReason::Length {
        return failure("the answer was cut off by its token limit, so this call is not complete: nothing was done");
    }
    let span = info_span!("chat.tool", gen_ai.tool.name = %call.name, gen_ai.tool.call.id = %call.call_id);
    call_tool(state, chat, call).instrument(span).await
}

async fn call_tool(state: &State, chat: &Chat, call: &ToolCall) -> CallToolResponse {
    let message = CallToolRequest {
        chat_id: chat.id.to_string(),
        workspace_id: chat.workspace_id.map(|id| id.to_string()).unwrap_or_default(),
        name: call.name.clone(),
        args: call.args.clone(),
        call_id: call.call_id.clone(),
        // The number that the assistant message will have: the same for whoever runs this step.
        idempotency_key: format!("{}/{}/{}", chat.id, chat.last_message_id + 1, call.call_id),
    };
    let mut tools = ToolServiceClient::new(state.neighbours.tools.clone())
        .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    let mut backoff = chatmesh_core::Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    for attempt in 1.. {
        let mut request = request_on_behalf_of(chat.owner_id, message.clone());
        request.set_timeout(CALL_TIMEOUT);
        match tools.call_tool(request).await {
            Ok(response) => return response.into_inner(),
            Err(status) if status.code() == Code::Unavailable && attempt < CALL_ATTEMPTS => {
                tokio::time::sleep(backoff.next_pause()).await;
            }
            Err(status) => return unavailable(&status),
        }
    }
    failure("the tool was not run")
}

fn unavailable(status: &Status) -> CallToolResponse {
    failure(&format!("the tool could not be run: {}", status.message()))
}

fn failure(error: &str) -> CallToolResponse {
    CallToolResponse { result: json!({ "error": error }).to_string(), is_error: true }
}

fn result_part(call: &ToolCall, outcome: CallToolResponse) -> Part {
    let result = ToolResult {
        call_id: call.call_id.clone(),
        name: call.name.clone(),
        result: outcome.result,
        is_error: outcome.is_error,
        provider_executed: false,
    };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}
