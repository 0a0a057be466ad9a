//! Claude on Google's Vertex AI
//! (<https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-claude>).

use http::{HeaderMap, HeaderName};

use super::{fields_of, replace_body};
use crate::classify::Failure;
use crate::codec::anthropic::Anthropic;
use crate::codec::fields::raw_of;
use crate::codec::{Call, Codec, Decoder, Encoded, Event, ResponseContext, model_path};

const VERSION: &str = "vertex-2023-10-16";
const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");

/// The codec for Claude on Vertex AI: the model is named by the path and the version by the body;
/// the answers are Anthropic's own.
#[derive(Debug, Clone, Copy)]
pub struct VertexClaude;

impl Codec for VertexClaude {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        let path = format!("models/{}:streamRawPredict", model_path::segment(call.model)?);
        let mut encoded = Anthropic.encode(call)?;
        let mut fields = fields_of(&encoded)?;
        fields.remove("model");
        fields.set("anthropic_version", raw_of(&VERSION));
        replace_body(&mut encoded, &fields)?;
        encoded.headers.remove(VERSION_HEADER);
        encoded.path = path.into();
        Ok(encoded)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Anthropic.decoder(context)
    }

    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
        Anthropic.decode_unary(context, body, out);
    }

    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        Anthropic.decode_error(status, headers, body)
    }
}
