//! Anthropic Messages (<https://docs.anthropic.com/en/api/messages>), version 2023-06-01.

mod carrier;
mod errors;
mod messages;
mod output;
mod request;
mod response;
mod search;
mod stream;
mod thinking;
mod types;
mod usage;

use http::HeaderMap;

pub use self::carrier::{BedrockClaude, VertexClaude};
use super::sse_decoder::SseDecoder;
use super::{Call, Codec, Decoder, Delivery, Encoded, Event, ResponseContext};
use crate::classify::Failure;

/// Whose metadata is understood here.
pub const NAMESPACE: &str = "anthropic";

/// The signature of a thinking block, a JSON string.
const THINKING_SIGNATURE: &str = "thinking_signature";
/// A whole block of thinking that the provider hid.
const REDACTED_THINKING: &str = "redacted_thinking";
/// A whole block of a tool that the provider ran, call or result.
const SERVER_TOOL: &str = "server_tool";
/// The fields of a `tool_use` block beside the usual ones, a JSON object.
const TOOL_USE: &str = "tool_use";
/// One citation of a text block.
const CITATION: &str = "citation";
/// A whole block of a type that is not known here.
const RAW: &str = "raw";
/// The container that code ran in.
const CONTAINER: &str = "container";

/// The codec for Anthropic Messages.
#[derive(Debug, Clone, Copy)]
pub struct Anthropic;

impl Codec for Anthropic {
    fn dialect(&self) -> Option<crate::compat::Dialect> {
        Some(crate::compat::Dialect::Messages)
    }

    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(call, Delivery::Stream)
    }

    fn encode_unary(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(call, Delivery::Whole)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Box::new(SseDecoder::new(stream::machine::Machine::new(context)))
    }

    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
        response::decode(context, body, out);
    }

    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        errors::decode(status, headers, body)
    }
}

#[cfg(test)]
mod tests;
