//! OpenAI Chat Completions, as its SDKs speak it.

mod history;
mod request;
mod stream;
mod whole;

pub(super) use self::request::parse;
pub(super) use self::stream::Stream;
pub(super) use self::whole::whole;

use chatmesh_proto::common::v1::FinishReason;

/// Marks what we put into `reasoning_details`.
const FORMAT: &str = "chatmesh-v1";

/// What stands between texts that something else separated.
const PARAGRAPH: &str = "\n\n";

/// What a carried datum stands behind, where that is the text of the message.
const AFTER_TEXT: &str = "text";

/// The word for the end of an answer.
fn finish_reason(reason: FinishReason, has_calls: bool) -> &'static str {
    match reason {
        FinishReason::Length => "length",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::ToolCalls => "tool_calls",
        _ if has_calls => "tool_calls",
        _ => "stop",
    }
}
