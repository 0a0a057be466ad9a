//! Anthropic Messages, as its SDKs speak it.

mod blocks;
mod history;
mod request;
mod stream;
mod tool_result;
mod whole;

pub(super) use self::request::{parse, parse_prompt};
pub(super) use self::stream::Stream;
pub(super) use self::whole::whole;

use chatmesh_proto::llm::v1::Finish;

use chatmesh_proto::common::v1::FinishReason;

/// The word for the end of an answer.
fn stop_reason(finish: &Finish, has_calls: bool) -> &'static str {
    match finish.reason() {
        FinishReason::Length if finish.raw_reason == "model_context_window_exceeded" => "model_context_window_exceeded",
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "refusal",
        FinishReason::Pause => "pause_turn",
        _ if has_calls => "tool_use",
        _ if finish.raw_reason == "stop_sequence" => "stop_sequence",
        _ => "end_turn",
    }
}
