//! The metadata of providers that a dialect has fields of its own for.

use bytes::Bytes;
use chatmesh_proto::common::v1::{Part, ProviderMetadata};

pub(super) const ANTHROPIC: &str = crate::codec::anthropic::NAMESPACE;
pub(super) const RESPONSES: &str = crate::codec::openai_responses::NAMESPACE;
pub(super) const GOOGLE: &str = "google";

/// Servers of Chat Completions that give `reasoning_details`.
pub(super) const DETAILED: [&str; 3] = ["openrouter", "vercel", "openai.compatible"];

pub(super) const THINKING_SIGNATURE: &str = "thinking_signature";
pub(super) const REDACTED_THINKING: &str = "redacted_thinking";
pub(super) const SERVER_TOOL: &str = "server_tool";
pub(super) const TOOL_USE: &str = "tool_use";
pub(super) const CITATION: &str = "citation";
pub(super) const RAW: &str = "raw";
pub(super) const CONTAINER: &str = "container";
pub(super) const REASONING: &str = "reasoning";
pub(super) const MESSAGE: &str = "message";
pub(super) const FUNCTION_CALL: &str = "function_call";
pub(super) const ANNOTATIONS: &str = "annotations";
pub(super) const REFUSAL: &str = "refusal";
pub(super) const CALL_ID: &str = "call_id";
pub(super) const REASONING_DETAILS: &str = "reasoning_details";
pub(super) const THOUGHT_SIGNATURE: &str = "thought_signature";

pub(super) fn datum(namespace: &str, kind: &str, json: impl Into<Bytes>) -> ProviderMetadata {
    ProviderMetadata { namespace: namespace.to_owned(), kind: kind.to_owned(), json: json.into() }
}

/// The data of a kind on a part, in order.
pub(super) fn all<'a>(part: &'a Part, namespace: &'a str, kind: &'a str) -> impl Iterator<Item = &'a str> {
    part.provider_metadata
        .iter()
        .filter(move |datum| datum.namespace == namespace && datum.kind == kind)
        .filter_map(|datum| std::str::from_utf8(&datum.json).ok())
}

/// The first datum of a kind on a part.
pub(super) fn find<'a>(part: &'a Part, namespace: &'a str, kind: &'a str) -> Option<&'a str> {
    all(part, namespace, kind).next()
}

/// The first datum of a kind that is a string.
pub(super) fn find_string(part: &Part, namespace: &str, kind: &str) -> Option<String> {
    let found = find(part, namespace, kind)?;
    serde_json::from_str(found).ok()
}
