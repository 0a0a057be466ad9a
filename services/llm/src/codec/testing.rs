//! What the tests of all codecs share.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Part, Role, Usage};
use chatmesh_proto::llm::v1::{Finish, GenerateRequest, ModelOptions, PromptMessage};
use proptest::prelude::*;
use serde_json::Value;

use super::fold::{Folded, Outcome};
use super::{Call, Codec, Event, ResponseContext};
use crate::classify::Classifier;

pub(crate) fn context() -> ResponseContext {
    ResponseContext {
        classifier: Classifier::new("Acme"),
        model: "asked-model".to_owned(),
        model_name: "fast".to_owned(),
        context_limit: 1000,
        ..ResponseContext::default()
    }
}

/// Decodes a stream that comes in the given chunks.
pub(crate) fn events(codec: &dyn Codec, chunks: &[&[u8]]) -> Vec<Event> {
    let mut decoder = codec.decoder(context());
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut events);
    }
    decoder.finish(&mut events);
    // Whatever comes after the end must be ignored.
    decoder.push(b"data: {}\n\n", &mut events);
    decoder.finish(&mut events);
    events
}

/// Folds a stream. An answer that breaks the order of events does not pass.
pub(crate) fn fold(codec: &dyn Codec, stream: &str) -> Folded {
    fold_chunks(codec, &[stream.as_bytes()])
}

pub(crate) fn fold_chunks(codec: &dyn Codec, chunks: &[&[u8]]) -> Folded {
    let folded = Folded::of(events(codec, chunks)).unwrap();
    assert!(folded.outcome.is_some(), "no terminal event");
    folded
}

pub(crate) fn fold_unary(codec: &dyn Codec, body: &str) -> Folded {
    let mut events = Vec::new();
    codec.decode_unary(context(), body.as_bytes(), &mut events);
    let folded = Folded::of(events).unwrap();
    assert!(folded.outcome.is_some(), "no terminal event");
    folded
}

/// Cuts bytes into chunks of the given sizes, again and again.
pub(crate) fn cut<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_at((*size).clamp(1, rest.len()));
        chunks.push(head);
        rest = tail;
    }
    chunks
}

pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..40, 1..8)
}

impl Folded {
    pub(crate) fn finish(&self) -> &Finish {
        match &self.outcome {
            Some(Outcome::Finished(finish)) => finish,
            other => panic!("not finished: {other:?}"),
        }
    }

    pub(crate) fn error(&self) -> &GenerationError {
        match &self.outcome {
            Some(Outcome::Failed(error)) => error,
            other => panic!("not failed: {other:?}"),
        }
    }

    pub(crate) fn reason(&self) -> FinishReason {
        self.finish().reason()
    }

    pub(crate) fn usage(&self) -> Usage {
        self.finish().usage.unwrap_or_default()
    }

    pub(crate) fn error_kind(&self) -> (ErrorKind, bool) {
        (self.error().kind(), self.error().retryable)
    }

    /// One line per part, for comparisons that can be read.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.parts.iter().map(line).collect()
    }

    pub(crate) fn warning_codes(&self) -> Vec<&str> {
        self.warnings.iter().map(|warning| warning.code.as_str()).collect()
    }

    /// The metadata of a part: kind and value.
    pub(crate) fn metadata(&self, part: usize) -> Vec<(String, Value)> {
        metadata_values(&self.parts[part])
    }
}

pub(crate) fn metadata_values(part: &Part) -> Vec<(String, Value)> {
    part.provider_metadata
        .iter()
        .map(|datum| (datum.kind.clone(), serde_json::from_slice(&datum.json).unwrap()))
        .collect()
}

pub(crate) fn line(part: &Part) -> String {
    match part.body.as_ref().unwrap() {
        Body::Text(text) => format!("text {text}"),
        Body::Reasoning(it) if it.redacted => format!("hidden {}", it.text),
        Body::Reasoning(it) => format!("thought {}", it.text),
        Body::ToolCall(it) => {
            let whose = if it.provider_executed { "provider-call" } else { "call" };
            format!("{whose} {} {} {}", it.call_id, it.name, it.args)
        }
        Body::ToolResult(it) => format!("result {} {} {}", it.call_id, it.name, it.result),
        Body::Source(it) => format!("source {} {}", it.url, it.title),
        Body::File(it) => format!("file {}", it.name),
        Body::FileReference(it) => format!("lines {}", it.file_name),
        Body::ContextFile(it) => format!("instructions {}", it.path),
        Body::Skill(it) => format!("skill {}", it.name),
    }
}

/// Replaces exact bytes of metadata by their value, for comparisons of what streams put together
/// with what came whole.
pub(crate) fn normalized(parts: &[Part]) -> Vec<(String, Vec<(String, Value)>)> {
    parts.iter().map(|part| (line(part), metadata_values(part))).collect()
}

pub(crate) fn text(text: &str) -> Part {
    Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }
}

pub(crate) fn message(role: Role, parts: Vec<Part>) -> PromptMessage {
    PromptMessage { role: role.into(), parts }
}

/// The JSON body of a request, and the codes of its warnings.
pub(crate) fn encode(
    codec: &dyn Codec,
    model: &str,
    options: &ModelOptions,
    request: &GenerateRequest,
) -> (Value, Vec<String>) {
    let encoded = codec.encode(&Call { request, model, options }).unwrap();
    let codes = encoded.warnings.into_iter().map(|warning| warning.code).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), codes)
}

pub(crate) fn encode_messages(codec: &dyn Codec, messages: Vec<PromptMessage>) -> (Value, Vec<String>) {
    let request = GenerateRequest { messages, ..GenerateRequest::default() };
    encode(codec, "model", &ModelOptions::default(), &request)
}
