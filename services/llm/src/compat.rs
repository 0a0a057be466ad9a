//! The server side of three client dialects: what SDKs of OpenAI and Anthropic send and expect,
//! for any configured model of any provider.
//!
//! Everything here is pure. A body is parsed into a [`GenerateRequest`], the events of the answer
//! become the bytes of the dialect's stream or its one document, and every failure becomes the
//! status, the headers and the body by which the SDKs know it. What a provider wants back rides in
//! a field that the dialect has, and is found there again when the client sends it ([`carried`]).

mod carried;
mod chat;
mod count;
mod errors;
mod kinds;
mod media;
mod messages;
mod models;
mod node;
mod prompt;
mod responses;
mod search;
mod sequence;
mod settings;
mod stripped;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::llm::v1::GenerateRequest;

pub use self::count::{COUNT_HEADER, CountAsked, estimate, parse_count, render_count};
pub use self::errors::{ErrorReply, Refusal};
pub use self::models::{ModelEntry, render_model, render_models};
use crate::codec::Event;
use crate::codec::fold::{Folded, Outcome};

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    ChatCompletions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

/// What a client asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The model as the client named it.
    pub model: String,
    /// Whether it wants a stream.
    pub stream: bool,
    /// The call; `model` is the client's word for it.
    pub request: GenerateRequest,
    /// What the answer must repeat.
    pub echo: Echo,
}

/// What an answer repeats of its request. Parsing fills all of it but `id` and `created`, which
/// need randomness and a clock; the caller sets them.
#[derive(Debug, Clone, Default)]
pub struct Echo {
    /// Unique among answers; letters and digits. Each dialect puts its own prefix before it.
    pub id: String,
    /// When the call came, in seconds since 1970.
    pub created: i64,
    /// The model as the client named it.
    pub model: String,
    /// Chat Completions: the client wants a last chunk with the usage.
    pub include_usage: bool,
    /// How long the prompt is, about: what is known before the provider says it.
    pub input_tokens: u32,
    /// Responses: the fields of the request that the answer shows, `"name":value` joined by commas.
    pub fields: String,
}

/// A request that cannot be served: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest {
    /// A sentence.
    pub message: String,
    /// The field, such as `messages[2].content[0].type`.
    pub param: Option<String>,
    /// A stable word for it.
    pub code: Option<&'static str>,
}

impl BadRequest {
    pub(super) fn at(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()), code: None }
    }

    /// Something that the protocol has and this server does not offer.
    pub(super) fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some("unsupported_parameter"), ..Self::at(param, message) }
    }
}

/// Writes an answer as a stream of Server-Sent Events.
pub trait Streamer: Send {
    /// Appends what an event is in the dialect, which may be nothing. After the terminal event
    /// every call does nothing.
    fn push(&mut self, event: Event, out: &mut BytesMut);

    /// Appends what shows that the server is alive, at any time, also before the first event.
    fn alive(&mut self, out: &mut BytesMut);
}

impl Dialect {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// The first thing that is wrong with it or that no provider can be asked for.
    pub fn parse(self, body: &[u8]) -> Result<Asked, BadRequest> {
        let mut asked = match self {
            Self::ChatCompletions => chat::parse(body),
            Self::Responses => responses::parse(body),
            Self::Messages => messages::parse(body),
        }?;
        asked.echo.model.clone_from(&asked.model);
        asked.echo.input_tokens = estimate(&asked.request);
        Ok(asked)
    }

    /// Makes the writer of a stream.
    pub fn streamer(self, echo: Echo) -> Box<dyn Streamer> {
        match self {
            Self::ChatCompletions => Box::new(chat::Stream::new(&echo)),
            Self::Responses => Box::new(responses::Stream::new(echo)),
            Self::Messages => Box::new(messages::Stream::new(echo)),
        }
    }

    /// Writes an answer as one document.
    ///
    /// # Errors
    /// The answer failed, or its events end early.
    pub fn whole(self, echo: Echo, events: impl Iterator<Item = Event>) -> Result<Bytes, GenerationError> {
        if self == Self::Responses {
            return responses::whole(echo, events);
        }
        let folded = Folded::of(events).map_err(|error| broken(&error.to_string()))?;
        match folded.outcome {
            Some(Outcome::Finished(finish)) if self == Self::Messages => {
                Ok(messages::whole(&echo, &folded.parts, &finish))
            }
            Some(Outcome::Finished(finish)) => Ok(chat::whole(&echo, &folded.parts, &finish)),
            Some(Outcome::Failed(error)) => Err(error),
            None => Err(broken("the answer has no end")),
        }
    }
}

/// An answer that cannot be read; nothing that a provider does leads here.
fn broken(detail: &str) -> GenerationError {
    GenerationError {
        message: "The answer could not be put together.".to_owned(),
        detail: detail.to_owned(),
        kind: ErrorKind::Generic.into(),
        retryable: true,
        ..GenerationError::default()
    }
}
