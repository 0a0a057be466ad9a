//! Why the model stopped.

use chatmesh_proto::common::v1::FinishReason;

/// Calls are waited for whatever the provider calls the end that they are.
pub(super) fn of(reason: &str, has_calls: bool) -> FinishReason {
    match reason {
        "STOP" | "FUNCTION_CALL" if has_calls => FinishReason::ToolCalls,
        "STOP" | "FUNCTION_CALL" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "MODEL_ARMOR"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED" => FinishReason::ContentFilter,
        "RECITATION"
        | "IMAGE_RECITATION"
        | "LANGUAGE"
        | "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "NO_IMAGE" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
