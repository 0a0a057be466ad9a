//! OpenAI Chat Completions (<https://platform.openai.com/docs/api-reference/chat>) and the
//! servers that speak it, each with its own dialect.

mod dialect;
mod errors;
mod extras;
mod messages;
mod request;
mod response;
mod stream;
mod types;
mod usage;

use http::HeaderMap;

pub use self::dialect::Dialect;
use super::sse_decoder::SseDecoder;
use super::{Call, Codec, Decoder, Delivery, Encoded, Event, ResponseContext};
use crate::classify::Failure;

/// Pieces of reasoning with signatures and hidden content, a JSON array.
const REASONING_DETAILS: &str = "reasoning_details";
/// Marks a text with which the model refused.
const REFUSAL: &str = "refusal";

/// OpenAI itself.
pub static OPENAI: OpenAiChat = OpenAiChat { dialect: &dialect::OPENAI };
/// Azure OpenAI.
pub static AZURE: OpenAiChat = OpenAiChat { dialect: &dialect::AZURE };
/// Any other server.
pub static COMPATIBLE: OpenAiChat = OpenAiChat { dialect: &dialect::COMPATIBLE };
/// OpenRouter.
pub static OPENROUTER: OpenAiChat = OpenAiChat { dialect: &dialect::OPENROUTER };
/// Vercel AI Gateway.
pub static VERCEL: OpenAiChat = OpenAiChat { dialect: &dialect::VERCEL };

/// The codec for Chat Completions in one dialect.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiChat {
    dialect: &'static Dialect,
}

impl Codec for OpenAiChat {
    fn dialect(&self) -> Option<crate::compat::Dialect> {
        Some(crate::compat::Dialect::ChatCompletions)
    }

    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(self.dialect, call, Delivery::Stream)
    }

    fn encode_unary(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(self.dialect, call, Delivery::Whole)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Box::new(SseDecoder::new(stream::machine::Machine::new(self.dialect, context)))
    }

    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
        response::decode(self.dialect, context, body, out);
    }

    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        errors::decode(status, headers, body)
    }
}

#[cfg(test)]
mod tests;
