//! Gemini's `generateContent`, of the Gemini API and of Vertex AI
//! (<https://ai.google.dev/api/generate-content>).

mod chunk;
mod contents;
mod errors;
mod files;
mod grounding;
mod machine;
mod model;
mod reason;
mod request;
mod schema;
mod stream;
mod thinking;
mod tools;
mod types;
mod usage;

use http::HeaderMap;

use super::sse_decoder::SseDecoder;
use super::{Call, Codec, Decoder, Encoded, Event, ResponseContext};
use crate::classify::Failure;

/// Whose metadata is understood here.
pub const NAMESPACE: &str = "google";

/// The signature of a part, a JSON string.
pub(crate) const THOUGHT_SIGNATURE: &str = "thought_signature";
/// A whole part of a type that is not known here.
const RAW: &str = "raw";
/// What the provider says of its web search.
const GROUNDING: &str = "grounding";

/// The codec for `generateContent`.
#[derive(Debug, Clone, Copy)]
pub struct Google {
    host: Host,
}

/// Whose address the models have. The hosts differ in what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    GeminiApi,
    /// It refuses the identifiers of calls, and fetches files from everywhere.
    VertexAi,
}

/// The Gemini API.
pub const GOOGLE: Google = Google { host: Host::GeminiApi };
/// Gemini on Vertex AI.
pub const VERTEX: Google = Google { host: Host::VertexAi };

impl Codec for Google {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        request::encode(self.host, call)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Box::new(SseDecoder::new(machine::Machine::new(context)))
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
