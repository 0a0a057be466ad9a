//! What a model reads as the result of a call that has none.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolCall, ToolResult};
use serde_json::json;

use super::StopReason;

/// The tool that runs commands.
const COMMAND_TOOL: &str = "execute";

/// True for a call that runs a command, which goes on by itself.
pub(super) fn is_command(call: &ToolCall) -> bool {
    call.name == COMMAND_TOOL
}

/// What is known of a call without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Its user stopped the turn, and the tool was not run.
    Prevented,
    /// Its user stopped the turn while the tool may have been at work.
    Interrupted,
    /// The turn ended, and the tool was not run.
    NotRun,
    /// The turn ended while the tool may have been at work, here or with a worker that is gone.
    Unknown,
}

impl Missing {
    pub(super) fn of(reason: StopReason, may_have_run: bool) -> Self {
        match (reason, may_have_run) {
            (StopReason::Interrupted, false) => Self::Prevented,
            (StopReason::Interrupted, true) => Self::Interrupted,
            (StopReason::Failed, false) => Self::NotRun,
            (StopReason::Failed, true) => Self::Unknown,
        }
    }

    /// What the model reads. A command does not end with the call that waited for it.
    fn result(self, is_command: bool) -> String {
        let error = match (self, is_command) {
            (Self::Prevented, _) => "not run: the user interrupted the turn before that",
            (Self::Interrupted, false) => {
                "interrupted by the user before the tool returned a result: whether it did anything is not known"
            }
            (Self::Interrupted, true) => {
                "interrupted by the user before the command had ended. It is told to end where it can be reached, unless \
                 it was to run in the background; but it may have done a part of its work, and it may still run: \
                 `process_list` shows whether it does"
            }
            (Self::NotRun, _) => "not run: the turn failed before that",
            (Self::Unknown, false) => "no result: the turn failed, and whether the tool did anything is not known",
            (Self::Unknown, true) => {
                "no result: the turn failed, and whether the command did anything is not known. It may still run: \
                 `process_list` shows whether it does"
            }
        };
        json!({ "error": error }).to_string()
    }

    /// The part that answers the call.
    pub(super) fn answer(self, call: ToolCall) -> Part {
        let result = ToolResult {
            result: self.result(is_command(&call)),
            call_id: call.call_id,
            name: call.name,
            is_error: true,
            provider_executed: false,
            ..ToolResult::default()
        };
        Part { body: Some(Body::ToolResult(result)), ..Part::default() }
    }
}
