//! The stable words of the warnings that codecs give.

use chatmesh_proto::llm::v1::Warning;

/// A setting was not sent, or not as it was set.
pub(super) const SETTING_IGNORED: &str = "setting_ignored";
/// A setting was sent with another value, because it means something else to the provider.
pub(super) const SETTING_CHANGED: &str = "setting_changed";
/// A system message in the middle of the conversation was sent as the user's.
pub(super) const SYSTEM_MESSAGE_CONVERTED: &str = "system_message_converted";
/// A tool's result without a call was left out.
pub(super) const ORPHAN_RESULT: &str = "orphan_tool_result";
/// A call without a result was given an error as its result.
pub(super) const MISSING_RESULT: &str = "missing_tool_result";
/// A call that the provider ran, or its result, was left out.
pub(super) const PROVIDER_TOOL_DROPPED: &str = "provider_tool_dropped";
/// Reasoning was left out.
pub(super) const REASONING_DROPPED: &str = "reasoning_dropped";
/// An attachment was replaced by a note.
pub(super) const ATTACHMENT_DROPPED: &str = "attachment_dropped";
/// A tool's schema was not usable and was replaced by an open one.
pub(super) const INVALID_SCHEMA: &str = "invalid_tool_schema";
/// The arguments of a call are not a JSON object.
pub(super) const INVALID_ARGS: &str = "invalid_tool_args";
/// A call was cut by the token limit and must not be run.
pub(super) const TRUNCATED_CALL: &str = "truncated_tool_call";
/// The stream said something out of place, which was repaired or left out.
pub(super) const ODD_STREAM: &str = "odd_stream";

pub(super) fn warning(code: &str, message: impl Into<String>) -> Warning {
    Warning { code: code.to_owned(), message: message.into() }
}

/// A setting that does not reach the provider, and why.
pub(super) fn ignored(setting: &str, why: &str) -> Warning {
    warning(SETTING_IGNORED, format!("{setting}: {why}"))
}
