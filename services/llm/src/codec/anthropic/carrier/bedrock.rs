//! Claude on AWS Bedrock, by `InvokeModelWithResponseStream`
//! (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>).

mod betas;
mod settings;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use super::{fields_of, replace_body};
use crate::classify::Failure;
use crate::codec::anthropic::Anthropic;
use crate::codec::anthropic::stream::{machine::Machine, take_data};
use crate::codec::bedrock::{self, Carried, Frames};
use crate::codec::fields::raw_of;
use crate::codec::json::{Text, text};
use crate::codec::{Call, Codec, Decoder, Encoded, Event, ResponseContext, model_path};

const VERSION: &str = "bedrock-2023-05-31";
const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");

/// The codec for Claude on Bedrock: the model is named by the path, version and betas by the body,
/// and every event of the answer comes in a frame of its own.
#[derive(Debug, Clone, Copy)]
pub struct BedrockClaude;

impl Codec for BedrockClaude {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        let path = format!("/model/{}/invoke-with-response-stream", model_path::bedrock(call.model)?);
        let mut warnings = Vec::new();
        let options = settings::adapt(call.model, call.options, &mut warnings);
        let mut encoded = Anthropic.encode(&Call { options: &options, ..*call })?;
        let mut fields = fields_of(&encoded)?;
        for carried in ["model", "stream"] {
            fields.remove(carried);
        }
        fields.set("anthropic_version", raw_of(&VERSION));
        let betas = betas::carried(call.model, &encoded.headers, &fields, &mut warnings);
        if !betas.is_empty() {
            fields.set("anthropic_beta", raw_of(&betas));
        }
        replace_body(&mut encoded, &fields)?;
        for carried in [VERSION_HEADER, betas::HEADER] {
            encoded.headers.remove(carried);
        }
        bedrock::accept_frames(&mut encoded.headers);
        encoded.path = path.into();
        encoded.warnings.extend(warnings);
        Ok(encoded)
    }

    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder> {
        Box::new(Frames::new(Events { machine: Machine::new(context) }))
    }

    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
        Anthropic.decode_unary(context, body, out);
    }

    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        bedrock::decode_error(status, headers, body)
    }
}

/// What a frame holds: an event in base64, beside padding that hides its length.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    bytes: Option<Text<'a>>,
}

#[derive(Debug)]
struct Events {
    machine: Machine,
}

impl Carried for Events {
    fn event(&mut self, name: &str, payload: &[u8], out: &mut Vec<Event>) {
        if self.machine.is_ended() || name != "chunk" {
            return;
        }
        match unpack(payload) {
            Ok(event) => take_data(&mut self.machine, &String::from_utf8_lossy(&event), out),
            Err(message) => self.machine.fail(&Failure::protocol(message), out),
        }
    }

    /// The last event alone says that the message is complete, and with it the stream ends.
    fn is_complete(&self) -> bool {
        false
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.machine.fail(&Failure::incomplete(), out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.machine.fail(failure, out);
    }
}

/// The event in a frame. One that is not packed, as imitations of the service send it, is taken
/// as it is.
fn unpack(payload: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let chunk: Chunk<'_> =
        serde_json::from_slice(payload).map_err(|error| format!("a frame cannot be read: {error}"))?;
    match text(&chunk.bytes) {
        "" => Ok(Cow::Borrowed(payload)),
        bytes => STANDARD.decode(bytes).map(Cow::Owned).map_err(|error| format!("a frame cannot be unpacked: {error}")),
    }
}
