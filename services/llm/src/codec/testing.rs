//! What the tests of all codecs share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

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

/// Where the streams of tests are kept as seeds for the fuzzers, if at all.
const SEEDS: &str = "CHATMESH_FUZZ_SEEDS";

/// Keeps a stream as a seed, by the codec that reads it.
fn keep_as_seed(codec: &dyn Codec, stream: &[u8]) {
    let Some(directory) = std::env::var_os(SEEDS) else { return };
    let name = format!("{codec:?}").chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let directory = Path::new(&directory).join(name);
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(format!("{:016x}", hasher.finish())), stream).unwrap();
}

/// Decodes a stream that comes in the given chunks.
pub(crate) fn events(codec: &dyn Codec, chunks: &[&[u8]]) -> Vec<Event> {
    keep_as_seed(codec, &chunks.concat());
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

/// Something that happens to bytes on their way.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    /// A byte is another one.
    Set(usize, u8),
    /// Some bytes are lost.
    Lose(usize, usize),
    /// Some bytes come twice.
    Repeat(usize, usize),
    /// A word of the protocol is where none was.
    Insert(usize, &'static str),
    /// The rest is lost.
    Cut(usize),
}

const WORDS: &[&str] = &[
    "data: ",
    "event: error\n",
    "\n\n",
    "\r",
    ":\n",
    "\u{feff}",
    "[DONE]",
    "null",
    "-1",
    "1e999",
    "99999999999999999999",
    "{}",
    "[",
    "\"",
    "\\ud800",
    "\"index\":7,",
    "\"type\":\"\",",
];

/// What may happen to a stream. Places count modulo its length.
pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let place = || 0_usize..100_000;
    let mutation = prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (place(), 1_usize..60).prop_map(|(at, length)| Mutation::Lose(at, length)),
        (place(), 1_usize..200).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (place(), prop::sample::select(WORDS)).prop_map(|(at, word)| Mutation::Insert(at, word)),
        place().prop_map(Mutation::Cut),
    ];
    prop::collection::vec(mutation, 1..6)
}

pub(crate) fn mutated(stream: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = stream.to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let place = |at: usize| at % bytes.len();
        let range = |at: usize, length: usize| place(at)..(place(at) + length).min(bytes.len());
        match *mutation {
            Mutation::Set(at, byte) => {
                let at = place(at);
                bytes[at] = byte;
            }
            Mutation::Lose(at, length) => drop(bytes.drain(range(at, length))),
            Mutation::Repeat(at, length) => {
                let range = range(at, length);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
            Mutation::Insert(at, word) => {
                let at = place(at);
                bytes.splice(at..at, word.bytes());
            }
            Mutation::Cut(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

/// What holds for all bytes: one end, the same events however they are cut, and no panic, as a
/// stream and as a document.
pub(crate) fn check_any_bytes(codec: &dyn Codec, bytes: &[u8], sizes: &[usize]) -> Result<(), TestCaseError> {
    let whole = events(codec, &[bytes]);
    let terminal = whole.iter().filter(|event| matches!(event, Event::Finish(_) | Event::Error(_))).count();
    prop_assert_eq!(terminal, 1);
    prop_assert!(Folded::of(whole.iter().cloned()).is_ok_and(|folded| folded.outcome.is_some()));
    prop_assert_eq!(events(codec, &cut(bytes, sizes)), whole);
    let mut unary = Vec::new();
    codec.decode_unary(context(), bytes, &mut unary);
    prop_assert!(Folded::of(unary).is_ok_and(|folded| folded.outcome.is_some()));
    Ok(())
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
