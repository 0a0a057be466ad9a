//! A scripted answer as the bytes of a provider.

mod anthropic;
mod chat;
mod responses;

use serde_json::Value;

pub(super) use self::responses::{encrypted_content, is_stored, output, reasoning_of, response_id};
use super::dialect::Dialect;
use super::refusal::Refusal;
use super::script::{Step, StepUsage};

/// An answer and what the provider says about it.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) model: &'a str,
    /// The number of answers that the simulator gave before this one, which makes ids unique.
    pub(super) number: usize,
    pub(super) step: &'a Step,
    pub(super) usage: StepUsage,
    /// The body of the request.
    pub(super) request: &'a Value,
    /// Whether Chat Completions sends usage at the end of the stream.
    pub(super) include_usage: bool,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WireEvent {
    /// The event with its blank line.
    pub(super) bytes: String,
    /// Whether the event carries generated content, which takes a model its time.
    pub(super) is_delta: bool,
}

/// The answer as a stream of events.
pub(super) fn stream(dialect: Dialect, answer: &Answer<'_>) -> Vec<WireEvent> {
    match dialect {
        Dialect::Anthropic => anthropic::stream(answer),
        Dialect::Chat => chat::stream(answer),
        Dialect::Responses => responses::stream(answer),
    }
}

/// The answer as one JSON document.
pub(super) fn unary(dialect: Dialect, answer: &Answer<'_>) -> Value {
    match dialect {
        Dialect::Anthropic => anthropic::unary(answer),
        Dialect::Chat => chat::unary(answer),
        Dialect::Responses => responses::unary(answer),
    }
}

/// The event that reports an error within a stream.
pub(super) fn error_event(dialect: Dialect, kind: &str, message: &str) -> String {
    let refusal = Refusal::new(dialect.error_status(kind), kind, message);
    let mut body = dialect.error_body(&refusal);
    match dialect {
        Dialect::Anthropic => {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("request_id");
            }
            format!("event: error\ndata: {body}\n\n")
        }
        Dialect::Chat => format!("data: {body}\n\n"),
        Dialect::Responses => format!("event: error\ndata: {}\n\n", responses::error_event(kind, message)),
    }
}

impl Answer<'_> {
    /// The id of the answer's tool call at `index`.
    fn call_id(&self, prefix: &str, index: usize) -> String {
        let scripted = self.step.tool_calls[index].id.clone();
        scripted.unwrap_or_else(|| format!("{prefix}_sim_{}_{index}", self.number))
    }

    fn pieces<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        Pieces { rest: text, characters: self.step.delta_characters.max(1) }
    }
}

/// A text in pieces of a number of characters.
struct Pieces<'t> {
    rest: &'t str,
    characters: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let end = self.rest.char_indices().nth(self.characters).map_or(self.rest.len(), |at| at.0);
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

#[cfg(test)]
mod tests;
