//! The wire protocols of providers, as pure functions and state machines.
//!
//! A [`Codec`] turns a [`Call`] into the request of one protocol and makes a [`Decoder`] for the
//! answer. Nothing here does I/O or knows the time. What every codec guarantees:
//!
//! - Events come in the order of the provider's stream and do not depend on how the bytes were
//!   cut. Parts are numbered from 0 in the order in which they began.
//! - Every answer ends with exactly one terminal event, a finish or an error.
//! - Folding the events of a stream ([`fold::Folded`]) gives the same as the unary answer.
//! - What a provider wants back is kept as `ProviderMetadata` on the part that it came with, and
//!   the encoder of the same protocol puts it back in place; what belongs to another protocol is
//!   left out.

pub mod anthropic;
pub(crate) mod assembly;
mod attachment;
mod bedrock;
pub mod bedrock_converse;
pub mod call_ids;
mod context_limit;
mod extra_body;
mod fields;
pub mod fold;
pub mod google;
mod history;
mod json;
pub(crate) mod metadata;
mod model_path;
pub mod openai_chat;
mod openai_models;
pub mod openai_responses;
mod prices;
mod schema;
mod settings;
mod sse_decoder;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tool_names;
mod warnings;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, Warning, generate_response};
use http::{HeaderMap, HeaderValue};

pub use self::prices::Prices;
use crate::classify::{Classifier, Failure};
use crate::compat::Dialect;

/// One event of an answer.
pub type Event = generate_response::Event;

/// What to ask a model.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The conversation, the tools and the caller's limits. `model` is not looked at.
    pub request: &'a GenerateRequest,
    /// What the provider calls the model.
    pub model: &'a str,
    /// How the model is called.
    pub options: &'a ModelOptions,
}

/// A request of one protocol, without address and key.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The path after the version, without a leading slash, such as `chat/completions`; with its
    /// query where the protocol has one. With a leading slash where the protocol has no versions.
    pub path: Cow<'static, str>,
    /// The headers that the protocol demands, credentials excepted.
    pub headers: HeaderMap,
    /// The JSON body.
    pub body: Bytes,
    /// Settings that were not used and repairs of the conversation.
    pub warnings: Vec<Warning>,
    /// What the provider is asked to keep, and what it kept.
    pub kept: Kept,
}

/// Which answers a provider keeps, so that they need not be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// It keeps the answer of this call.
    pub answer: bool,
    /// The call continues an answer that it kept.
    pub continued: bool,
}

/// What a decoder must know about the call whose answer it reads.
#[derive(Debug, Clone, Default)]
pub struct ResponseContext {
    /// Decides what failures mean; knows the provider's display name.
    pub classifier: Classifier,
    /// What the provider was asked for; stands in where the answer names no model.
    pub model: String,
    /// The name of the configured model.
    pub model_name: String,
    /// The model's context limit in tokens; 0 where it is not known.
    pub context_limit: u32,
    /// At how many percent of the context limit a conversation is compacted.
    pub compaction_threshold_percent: u32,
    /// What the model's tokens cost.
    pub prices: Prices,
    /// What the provider keeps.
    pub kept: Kept,
    /// The identifiers of the conversation's tool calls; an answer never uses one again.
    pub used_call_ids: HashSet<String>,
    /// The names of the tools that are called otherwise on the wire, by what they are called there.
    pub renamed_tools: HashMap<String, String>,
}

/// One wire protocol.
pub trait Codec: fmt::Debug + Send + Sync {
    /// The protocol as clients speak it, where requests of clients can be passed on as they are.
    fn dialect(&self) -> Option<Dialect> {
        None
    }

    /// Encodes a call that asks for a stream.
    ///
    /// # Errors
    /// The call cannot be expressed at all, such as a conversation without a message.
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, Failure>;

    /// Encodes a call that asks for one document where the protocol has a cheap way to, and else for a stream.
    ///
    /// # Errors
    /// As those of [`Codec::encode`].
    fn encode_unary(&self, call: &Call<'_>) -> Result<Encoded, Failure> {
        self.encode(call)
    }

    /// Makes a decoder for a stream.
    fn decoder(&self, context: ResponseContext) -> Box<dyn Decoder>;

    /// Decodes an answer that came as one JSON document; appends its events, the terminal one
    /// included.
    fn decode_unary(&self, context: ResponseContext, body: &[u8], out: &mut Vec<Event>);

    /// Reads the answer to a request that failed. `body` may be cut.
    fn decode_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure;
}

/// Reads one stream. After the terminal event every call does nothing.
pub trait Decoder: Send {
    /// Reads the next bytes and appends their events to `out`. Returns whether the provider
    /// showed that it is alive: an event or a comment was complete, whatever it said.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> bool;

    /// True where everything that a finish needs was read, though the provider has not ended
    /// the stream yet.
    fn is_complete(&self) -> bool;

    /// The stream ended. Appends the terminal event.
    fn finish(&mut self, out: &mut Vec<Event>);

    /// The stream broke. Appends the terminal event, which is a finish where the answer is
    /// complete all the same.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>);
}

/// How an answer is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Piece by piece.
    Stream,
    /// As one document.
    Whole,
}

/// Headers of every request that asks for a stream.
fn stream_headers() -> HeaderMap {
    request_headers(Delivery::Stream)
}

/// Headers of every request.
fn request_headers(delivery: Delivery) -> HeaderMap {
    let accepted = match delivery {
        Delivery::Stream => "text/event-stream",
        Delivery::Whole => "application/json",
    };
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(http::header::ACCEPT, HeaderValue::from_static(accepted));
    headers
}
