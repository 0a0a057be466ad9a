//! What must hold for every stream of bytes, whoever made them up.
//!
//! A target is a line in [`DECODERS`] or a function of its own, a file under `targets/`, an entry in
//! `Cargo.toml` and a line in `run`, which names the unit tests that the seeds come from.

pub mod files;
pub mod frames;
pub mod hello;

use std::panic::panic_any;

use chatmesh_llm::codec::fold::Folded;
use chatmesh_llm::codec::{Codec, Event, ResponseContext};
use chatmesh_llm::provider::compose;
use chatmesh_llm::sse::{EventTooLong, Item, Parser};
use chatmesh_proto::llm::v1::{GenerateResponse, ProviderSettings, ProviderType};
use prost::Message as _;

use frames::{Wrapping, wrapped};

/// The decoders, by the names of their targets: a type of provider, a model where the type has several
/// protocols, and how events are wrapped.
pub const DECODERS: &[(&str, ProviderType, &str, Wrapping)] = &[
    ("anthropic", ProviderType::Anthropic, "", Wrapping::None),
    ("openai_chat", ProviderType::OpenaiCompatible, "", Wrapping::None),
    ("openrouter", ProviderType::Openrouter, "", Wrapping::None),
    ("openai_responses", ProviderType::Openai, "", Wrapping::None),
    ("gemini", ProviderType::Google, "", Wrapping::None),
    ("bedrock", ProviderType::Bedrock, "anthropic.claude", Wrapping::Invoke),
    ("bedrock_converse", ProviderType::Bedrock, "amazon.nova", Wrapping::Converse),
];

/// How many bytes of events a byte of a stream may become. A text is there twice, in pieces and as
/// a whole, and small oddities are told in words.
const MAX_GROWTH: usize = 100;

/// What every answer may take.
const BASE_BYTES: usize = 64 * 1024;

/// Feeds a stream to a decoder in several ways.
///
/// # Panics
/// Something that must hold does not.
pub fn decoder(name: &str, bytes: &[u8]) {
    let (codec, wrapping) = codec(name);
    check(codec, bytes);
    if wrapping != Wrapping::None {
        check(codec, &wrapped(wrapping, bytes));
    }
}

fn check(codec: &dyn Codec, bytes: &[u8]) {
    let whole = events(codec, &[bytes]);
    let terminal = whole.iter().filter(|event| matches!(event, Event::Finish(_) | Event::Error(_))).count();
    assert_eq!(terminal, 1, "terminal events");
    assert!(Folded::of(whole.iter().cloned()).is_ok_and(|folded| folded.outcome.is_some()), "the order of events");
    let size: usize = whole.iter().cloned().map(|event| GenerateResponse { event: Some(event) }.encoded_len()).sum();
    assert!(size <= BASE_BYTES + MAX_GROWTH * bytes.len(), "{size} bytes of events of {}", bytes.len());
    for chunks in cuts(bytes) {
        assert_eq!(events(codec, &chunks), whole, "cut into {} pieces", chunks.len());
    }
    let mut unary = Vec::new();
    codec.decode_unary(ResponseContext::default(), bytes, &mut unary);
    assert!(Folded::of(unary).is_ok_and(|folded| folded.outcome.is_some()), "the answer as one document");
}

fn codec(name: &str) -> (&'static dyn Codec, Wrapping) {
    let Some((_, provider, model, wrapping)) = DECODERS.iter().find(|(known, ..)| *known == name) else {
        panic_any(format!("no decoder is called {name}"));
    };
    let settings = ProviderSettings { region: "us-east-1".to_owned(), ..ProviderSettings::default() };
    match compose(*provider, &settings, model) {
        Ok(composition) => (composition.codec, *wrapping),
        Err(failure) => panic_any(failure.message),
    }
}

fn events(codec: &dyn Codec, chunks: &[&[u8]]) -> Vec<Event> {
    let mut decoder = codec.decoder(ResponseContext::default());
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut events);
    }
    decoder.finish(&mut events);
    let count = events.len();
    decoder.push(b"data: {}\n\n", &mut events);
    decoder.finish(&mut events);
    assert_eq!(events.len(), count, "events after the end");
    events
}

/// Feeds a stream to the parser of events in several ways.
///
/// # Panics
/// Something that must hold does not.
pub fn sse(bytes: &[u8]) {
    for limit in [64, 16 * 1024 * 1024] {
        let whole = items(limit, &[bytes]);
        for chunks in cuts(bytes) {
            assert_eq!(items(limit, &chunks), whole, "cut into {} pieces, at most {limit} bytes", chunks.len());
        }
    }
}

/// The items of a stream, names and data, and whether it ended well.
fn items(limit: usize, chunks: &[&[u8]]) -> (Vec<Option<(String, String)>>, Result<(), EventTooLong>) {
    let mut parser = Parser::with_max_event_bytes(limit);
    let mut items = Vec::new();
    let mut take = |item: Item<'_>| {
        items.push(match item {
            Item::Event { name, data } => Some((name.to_owned(), data.to_owned())),
            Item::Comment => None,
        });
    };
    let result = chunks.iter().try_for_each(|chunk| parser.push(chunk, &mut take));
    parser.finish(&mut take);
    (items, result)
}

/// Ways to cut bytes: one by one where they are few, and in pieces of sizes that the bytes choose.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut sizes: Vec<usize> = bytes.iter().rev().step_by(7).take(5).map(|byte| usize::from(*byte) % 61 + 1).collect();
    if sizes.is_empty() {
        sizes.push(1);
    }
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for size in sizes.into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_at(size.min(rest.len()));
        pieces.push(head);
        rest = tail;
    }
    let mut all = vec![pieces];
    if bytes.len() <= 4096 {
        all.push(bytes.chunks(1).collect());
    }
    all
}
