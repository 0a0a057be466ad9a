//! Gemini's `generateContent`, of the Gemini API and of Vertex AI
//! (<https://ai.google.dev/api/generate-content>).

mod contents;
mod errors;
mod machine;
mod request;
mod schema;
mod stream;
mod usage;

use http::HeaderMap;

use super::{Call, Codec, Decoder, Encoded, Event, ResponseContext};
use crate::classify::Failure;

/// Whose metadata is understood here.
pub const NAMESPACE: &str = "google";

/// The signature of a part, a JSON string.
const THOUGHT_SIGNATURE: &str = "thought_signature";
/// A whole part of a type that is not known here.
const RAW: &str = "raw";
/// What the provider says of its web search.
const GROUNDING: &str = "grounding";

/// The codec for `generateContent`.
#[derive(Debug, Clone, Copy)]
pub struct Google {
    /// Whether the host takes the identifiers of calls; Vertex AI refuses them.
    takes_call_ids: bool,
}

/// The Gemini API.
pub const GOOGLE: Google = Google { takes_call_ids: true };
/// Gemini on Vertex AI.
pub const VERTEX: Google = Google { takes_call_ids: false };

impl Codec for Google {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(call, self.takes_call_ids)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Box::new(stream::StreamDecoder::new(context))
    }

    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
        let mut machine = machine::Machine::new(context);
        machine.take(&String::from_utf8_lossy(body), out);
        machine.end(&Failure::incomplete(), out);
    }

    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        errors::decode(status, headers, body)
    }
}

#[cfg(test)]
mod tests;
