//! One call of a tool of the mesh.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chatmesh_core::{Backoff, Uuid};
use chatmesh_proto::common::v1::ToolCall;
use chatmesh_proto::tools::v1::call_tool_response::Event;
use chatmesh_proto::tools::v1::tool_service_client::ToolServiceClient;
use chatmesh_proto::tools::v1::{CallToolRequest, ToolOutcome};
use chatmesh_rpc::client::{is_unsent, request_on_behalf_of};
use futures::FutureExt as _;
use tokio::time::timeout;
use tonic::{Code, Status};
use tracing::error;

use super::lifecycle::Binder;
use super::mode_of;
use super::outcome::failure;
use super::skill::personal_skill;
use crate::domain::Chat;
use crate::state::State;

/// How long a tool may take: what the longest allowed command takes, and a little more.
const CALL_TIMEOUT: Duration = Duration::from_secs(4 * 3600 + 300);
/// How often a call is made while the service that runs tools is away, which with the pauses is
/// about half a minute. The idempotency key makes that safe where a receipt is kept under it.
const CALL_ATTEMPTS: u32 = 10;

/// A call as it is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    /// What the model asks for.
    pub(super) call: &'a ToolCall,
    /// Where it acts.
    pub(super) workspace: Option<Uuid>,
    /// True where a receipt of what the tool did is kept. Without one, a call that may have arrived is not made again.
    pub(super) keeps_receipt: bool,
}

/// Runs a tool. Whatever happens is a result: no tool ends a turn. Where the tool may give the chat another workspace,
/// `binder` takes it on.
pub(super) async fn call(state: &State, chat: &Chat, made: Made<'_>, binder: Option<&mut Binder<'_>>) -> ToolOutcome {
    let outcome = AssertUnwindSafe(call_again(state, chat, made, binder)).catch_unwind().await;
    outcome.unwrap_or_else(|_panic| {
        // The panic hook has said where.
        error!(chat = %chat.id, tool = %made.call.name, "a tool panicked");
        failure("the tool failed for a reason of its own: whether it did anything is not known")
    })
}

async fn call_again(state: &State, chat: &Chat, made: Made<'_>, mut binder: Option<&mut Binder<'_>>) -> ToolOutcome {
    let personal_skill = match personal_skill(state, chat, made.call).await {
        Ok(skill) => skill,
        Err(why) => return failure(why),
    };
    let message = CallToolRequest { personal_skill, ..request(chat, &made) };
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    for attempt in 1.. {
        match call_once(state, chat, message.clone(), binder.as_deref_mut()).await {
            Ok(outcome) => return outcome,
            Err(status) if !made.keeps_receipt && may_have_run(&status) => {
                return failure(&format!(
                    "the answer was lost while the tool ran ({}): whether it did its work is not known. Look at its \
                     effects before you call it again",
                    status.message()
                ));
            }
            Err(status) if is_passing(&status) && attempt < CALL_ATTEMPTS => {
                tokio::time::sleep(backoff.next_pause()).await;
            }
            Err(status) => return failure(&format!("the tool could not be run: {}", status.message())),
        }
    }
    failure("the tool was not run")
}

/// True where the service is away, or the connection to it broke: a status that nobody sent has a cause.
fn is_passing(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

/// True unless it is certain that the tool did nothing: the call was not sent, or was refused before it was made.
/// Tools themselves fail in results, so any other code is of something on the way, which may be the way back.
fn may_have_run(status: &Status) -> bool {
    let was_refused = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::Unimplemented
    );
    !was_refused && !is_unsent(status)
}

async fn call_once(
    state: &State,
    chat: &Chat,
    message: CallToolRequest,
    mut binder: Option<&mut Binder<'_>>,
) -> Result<ToolOutcome, Status> {
    // An outcome may carry a file of 10 MiB.
    let mut tools = ToolServiceClient::new(state.neighbours.tools.clone())
        .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    let mut request = request_on_behalf_of(chat.owner_id, message);
    request.set_timeout(CALL_TIMEOUT);
    let listen = async {
        let mut events = tools.call_tool(request).await?.into_inner();
        while let Some(response) = events.message().await? {
            match (response.event, binder.as_deref_mut()) {
                (Some(Event::Outcome(outcome)), _) => return Ok(outcome),
                (Some(Event::WorkspaceBound(bound)), Some(binder)) => {
                    if let Err(why) = binder.bind(&bound).await {
                        return Ok(failure(&why));
                    }
                }
                (Some(Event::WorkspaceSettled(settled)), Some(binder)) => binder.settle(&settled).await,
                _ => {}
            }
        }
        Err(Status::unavailable("the connection ended before the tool did"))
    };
    match timeout(CALL_TIMEOUT, listen).await {
        Ok(called) => called,
        Err(_) => Err(Status::deadline_exceeded("it did not end in time")),
    }
}

fn request(chat: &Chat, made: &Made<'_>) -> CallToolRequest {
    let call = made.call;
    CallToolRequest {
        chat_id: chat.id.to_string(),
        workspace_id: made.workspace.map(|id| id.to_string()).unwrap_or_default(),
        name: call.name.clone(),
        args: call.args.clone(),
        call_id: call.call_id.clone(),
        idempotency_key: key(chat, call),
        mcp_server_ids: chat.mcp_server_ids.iter().flatten().map(ToString::to_string).collect(),
        default_mcp_servers: chat.mcp_server_ids.is_none(),
        chat_mode: mode_of(chat).into(),
        ..CallToolRequest::default()
    }
}

/// Names a call: with the number that the model's message will have, which is the same for whoever runs this
/// step. A kept answer counts for one history only, and the number changes with the history alone.
pub(super) fn key(chat: &Chat, call: &ToolCall) -> String {
    format!("{}/{}/{}", chat.id, chat.last_message_id + 1, call.call_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G20: what came of a call is unknown unless it is certain that the call was not made.
    #[test]
    fn g20_only_a_refusal_before_the_call_is_certain() {
        let certain = [
            Code::InvalidArgument,
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::NotFound,
            Code::FailedPrecondition,
            Code::Unimplemented,
        ];
        for code in (1..=16).map(Code::from_i32) {
            assert_eq!(may_have_run(&Status::new(code, "it failed")), !certain.contains(&code), "{code:?}");
        }
    }
}
