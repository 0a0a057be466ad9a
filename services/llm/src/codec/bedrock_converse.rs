//! AWS Bedrock Converse
//! (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>):
//! one protocol for the models of all vendors.

mod documents;
mod family;
mod messages;
mod reasoning;
mod request;
mod response;
mod stream;
mod types;
mod usage;

use http::HeaderMap;

use super::bedrock::{self, Frames};
use super::{Call, Codec, Decoder, Encoded, Event, ResponseContext};
use crate::classify::Failure;

/// Whose metadata is understood here.
pub const NAMESPACE: &str = "bedrock.converse";

/// The signature of reasoning, a JSON string.
const THINKING_SIGNATURE: &str = "thinking_signature";
/// Reasoning that the provider hid, in base64, a JSON string.
const REDACTED_CONTENT: &str = "redacted_content";

/// The codec for Converse.
#[derive(Debug, Clone, Copy)]
pub struct BedrockConverse;

impl Codec for BedrockConverse {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(call)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Box::new(Frames::new(stream::Events::new(context)))
    }

    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
        response::decode(context, body, out);
    }

    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        bedrock::decode_error(status, headers, body)
    }
}

#[cfg(test)]
mod tests;
