//! OpenAI Responses (<https://platform.openai.com/docs/api-reference/responses>).
//!
//! Where the model's options let the provider keep its answers, a call may continue the last one
//! and send only what is new. In every other case the whole conversation is sent, with the items
//! of the provider's as they came, encrypted reasoning included.

mod chain;
mod errors;
mod extras;
mod input;
mod request;
mod response;
mod stream;
mod types;
mod usage;

use http::HeaderMap;

use super::sse_decoder::SseDecoder;
use super::{Call, Codec, Decoder, Delivery, Encoded, Event, ResponseContext};
use crate::classify::Failure;

/// Whose metadata is understood here.
pub const NAMESPACE: &str = "openai.responses";

/// A whole item of reasoning, as the provider gave it at its end.
const REASONING: &str = "reasoning";
/// The fields of a message beside its content: its identifier, its status.
const MESSAGE: &str = "message";
/// The fields of a call beside the usual ones: its identifier, its status.
const FUNCTION_CALL: &str = "function_call";
/// The citations of a text, a JSON array.
const ANNOTATIONS: &str = "annotations";
/// Marks a text with which the model refused.
const REFUSAL: &str = "refusal";
/// A whole item of a tool that the provider ran, on the call; its identifier, on the result.
const SERVER_TOOL: &str = "server_tool";
/// A whole item of a type that is not known here.
const RAW: &str = "raw";

/// The codec for OpenAI Responses.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiResponses;

impl Codec for OpenAiResponses {
    fn dialect(&self) -> Option<crate::compat::Dialect> {
        Some(crate::compat::Dialect::Responses)
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
