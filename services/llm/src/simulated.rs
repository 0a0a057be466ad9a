//! A scripted model inside the process, for demonstrations and for tests without a provider. It
//! says that it is simulated, works with the tools that it is offered and keeps to its script.

mod script;

use std::time::Duration;

use async_stream::stream;
use chatmesh_proto::common::v1::{FinishReason, Usage};
use chatmesh_proto::llm::v1::{Finish, GenerateRequest};
use futures::Stream;

use self::script::Act;
use crate::client::Target;
use crate::codec::assembly::{Assembly, Kind};
use crate::codec::{Event, call_ids};

/// How many characters of an answer come at once.
const DELTA_CHARS: usize = 12;

/// How many characters are counted as one token.
const CHARS_PER_TOKEN: usize = 4;

/// How the simulated provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulated {
    /// How long to wait before each piece.
    pub delay: Duration,
}

impl Default for Simulated {
    fn default() -> Self {
        Self { delay: Duration::from_millis(8) }
    }
}

/// Answers as the script has it for this point of the conversation. The events are those of a
/// provider: one start, parts in pieces, one finish; the same request gives the same answer.
pub fn generate(
    simulated: Simulated,
    target: &Target,
    request: &GenerateRequest,
) -> impl Stream<Item = Event> + Send + use<> {
    let act = script::next(request);
    let input = script::prompt_chars(request) / CHARS_PER_TOKEN;
    let mut assembly = Assembly::new(target.response_context(call_ids::used(request)));
    let model = if target.model.is_empty() { "simulated".to_owned() } else { target.model.clone() };
    stream! {
        let mut out = Vec::new();
        assembly.start("simulated", &model, &mut out);
        let Act { text, calls } = act;
        let reason = if calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        let mut output = 0_usize;
        let mut parts = Vec::new();
        if !text.is_empty() {
            parts.push((Kind::Text, text));
        }
        for call in calls {
            let (id, _) = assembly.call_id("");
            parts.push((Kind::Call { id, name: call.name, provider_executed: false }, call.args));
        }
        for (kind, text) in parts {
            output += text.chars().count();
            let mut part = assembly.open(kind, &mut out);
            for piece in pieces(&text) {
                for event in out.drain(..) {
                    yield event;
                }
                tokio::time::sleep(simulated.delay).await;
                part.append(piece, &mut out);
            }
            part.close(&mut out);
        }
        let usage = usage(input, output.div_ceil(CHARS_PER_TOKEN));
        let finish = Finish { reason: reason.into(), raw_reason: raw(reason), usage: Some(usage), ..Finish::default() };
        assembly.finish(finish, &mut out);
        for event in out {
            yield event;
        }
    }
}

fn raw(reason: FinishReason) -> String {
    if reason == FinishReason::Stop { "stop" } else { "tool_calls" }.to_owned()
}

fn usage(input: usize, output: usize) -> Usage {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Usage {
        input_tokens: Some(count(input)),
        output_tokens: Some(count(output)),
        total_tokens: Some(count(input.saturating_add(output))),
        ..Usage::default()
    }
}

/// Cuts a text between characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(DELTA_CHARS).map_or(rest.len(), |(at, _)| at);
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests;
