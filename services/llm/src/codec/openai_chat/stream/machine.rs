//! The state of an answer: what is open, what was said about its end.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, Source, Usage};
use chatmesh_proto::llm::v1::Finish;
use serde_json::value::RawValue;

use super::calls::{Calls, Piece};
use super::chunk::{self, CallDelta, Choice, Chunk, Delta, content, string};
use super::details::{self, Details};
use crate::classify::Failure;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::json::text;
use crate::codec::metadata::metadata;
use crate::codec::openai_chat::dialect::{Dialect, Replay};
use crate::codec::openai_chat::{REASONING_DETAILS, REFUSAL, errors, usage};
use crate::codec::warnings::ODD_STREAM;
use crate::codec::{Event, ResponseContext, context_limit};

/// Where an answer stands.
#[derive(Debug)]
pub(in crate::codec::openai_chat) struct Machine {
    dialect: &'static Dialect,
    assembly: Assembly,
    text: Option<TextPart>,
    reasoning: Option<(OpenPart, Details)>,
    calls: Calls,
    sources: Vec<Source>,
    /// How many of the sources were given out.
    sources_given: usize,
    finish_reason: Option<String>,
    usage: Option<Usage>,
    /// The largest context limit that the server named.
    context_limit: u32,
    warned: Warned,
}

#[derive(Debug)]
struct TextPart {
    part: OpenPart,
    is_refusal: bool,
}

/// What is said once however often it happens.
#[derive(Debug, Default)]
struct Warned {
    other_choice: bool,
    after_finish: bool,
}

impl Machine {
    pub(in crate::codec::openai_chat) fn new(dialect: &'static Dialect, context: ResponseContext) -> Self {
        Self {
            dialect,
            assembly: Assembly::new(context),
            text: None,
            reasoning: None,
            calls: Calls::new(dialect.namespace),
            sources: Vec::new(),
            sources_given: 0,
            finish_reason: None,
            usage: None,
            context_limit: 0,
            warned: Warned::default(),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.assembly.is_ended()
    }

    pub(super) fn has_finish(&self) -> bool {
        self.finish_reason.is_some()
    }

    pub(super) fn heartbeat(&mut self, out: &mut Vec<Event>) {
        self.assembly.heartbeat(out);
    }

    pub(super) fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.assembly.fail(failure, out);
    }

    pub(super) fn provider_error(&mut self, data: &str, out: &mut Vec<Event>) {
        self.assembly.fail(&errors::in_stream(data), out);
    }

    /// Takes a piece of the answer.
    pub(super) fn chunk(&mut self, data: &str, out: &mut Vec<Event>) {
        match chunk::parse(data) {
            Ok(chunk) => self.take(&chunk, data, out),
            Err(error) => self.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
        }
    }

    /// Takes the whole answer.
    pub(in crate::codec::openai_chat) fn whole(&mut self, data: &str, out: &mut Vec<Event>) {
        let mut chunk = match chunk::parse(data) {
            Ok(chunk) => chunk,
            Err(error) => return self.fail(&Failure::protocol(format!("the answer cannot be read: {error}")), out),
        };
        if chunk.choices.as_ref().is_none_or(Vec::is_empty) && !chunk::is_error(chunk.error) {
            return self.fail(&Failure::protocol("the answer has no choices"), out);
        }
        for choice in chunk.choices.iter_mut().flatten() {
            choice.delta = choice.message.take();
            let calls = choice.delta.iter_mut().flat_map(|delta| delta.tool_calls.iter_mut().flatten());
            for (position, call) in (0..).zip(calls) {
                // Every entry is a call of its own, whatever number it claims.
                call.index = Some(position);
            }
        }
        self.take(&chunk, data, out);
        // What came whole is complete, even where the reason to stop is missing.
        self.finish_reason.get_or_insert_default();
    }

    fn take(&mut self, chunk: &Chunk<'_>, data: &str, out: &mut Vec<Event>) {
        let failed_choice =
            chunk.choices.iter().flatten().find_map(|choice| choice.error.filter(|error| chunk::is_error(Some(error))));
        if chunk::is_error(chunk.error) {
            return self.provider_error(data, out);
        }
        if let Some(error) = failed_choice {
            return self.provider_error(&format!(r#"{{"error":{}}}"#, error.get()), out);
        }
        if let Some(usage) = chunk.usage().and_then(|raw| usage::parse(raw.get())) {
            self.usage = Some(usage);
            self.context_limit = self.context_limit.max(context_limit::find(data));
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        if !self.assembly.is_started() {
            let (id, model) = (string(chunk.id), string(chunk.model));
            // Azure's first chunk names nothing and holds nothing.
            if !choices.is_empty() || !id.is_empty() {
                self.assembly.start(&id, &model, out);
            }
        }
        for choice in choices {
            self.take_choice(choice, out);
        }
    }

    fn take_choice(&mut self, choice: &Choice<'_>, out: &mut Vec<Event>) {
        if choice.index.unwrap_or(0) != 0 {
            if !std::mem::replace(&mut self.warned.other_choice, true) {
                self.assembly.warn(ODD_STREAM, "a second answer was left out", out);
            }
            return;
        }
        if let Some(delta) = &choice.delta {
            let before = out.len();
            self.take_delta(delta, out);
            let is_late = self.has_finish() && out.len() > before;
            if is_late && !std::mem::replace(&mut self.warned.after_finish, true) {
                self.assembly.warn(ODD_STREAM, "the answer went on after its end", out);
            }
        }
        let reason = string(choice.finish_reason);
        if !reason.is_empty() {
            self.finish_reason.get_or_insert_with(|| reason.into_owned());
        }
    }

    fn take_delta(&mut self, delta: &Delta<'_>, out: &mut Vec<Event>) {
        self.take_reasoning(delta, out);
        self.take_text(&content(delta.content), false, out);
        self.take_text(&string(delta.refusal), true, out);
        if let Some(annotations) = delta.annotations {
            self.take_annotations(annotations);
        }
        for call in delta.tool_calls.iter().flatten() {
            self.take_call(call, out);
        }
        if let Some(function) = delta.function_call {
            self.take_call(&CallDelta { function: Some(function), ..CallDelta::default() }, out);
        }
    }

    fn take_reasoning(&mut self, delta: &Delta<'_>, out: &mut Vec<Event>) {
        // Servers that have both names say the same under both.
        let mut thought = string(delta.reasoning_content);
        if thought.is_empty() {
            thought = string(delta.reasoning);
        }
        let details = delta.reasoning_details.filter(|raw| raw.get().len() > "[]".len());
        if let Some(details) = details.filter(|_| thought.is_empty()) {
            thought = details::text_of(details).into();
        }
        if thought.is_empty() && details.is_none() {
            return;
        }
        if !thought.is_empty() {
            self.close_text(out);
        }
        let Self { reasoning, assembly, .. } = self;
        let (part, known) = reasoning
            .get_or_insert_with(|| (assembly.open(Kind::Reasoning { redacted: false }, out), Details::default()));
        part.append(&thought, out);
        if let Some(details) = details {
            known.merge(details);
        }
    }

    fn take_text(&mut self, piece: &str, is_refusal: bool, out: &mut Vec<Event>) {
        if piece.is_empty() {
            return;
        }
        self.close_reasoning(out);
        if self.text.as_ref().is_some_and(|text| text.is_refusal != is_refusal) {
            self.close_text(out);
        }
        let Self { text, assembly, .. } = self;
        let text = text.get_or_insert_with(|| TextPart { part: assembly.open(Kind::Text, out), is_refusal });
        text.part.append(piece, out);
    }

    fn take_annotations(&mut self, annotations: &RawValue) {
        for citation in chunk::citations(annotations) {
            let is_known = self.sources.iter().any(|source| source.url == citation.url.0);
            if !is_known && !citation.url.0.is_empty() {
                self.sources.push(Source {
                    source_id: String::new(),
                    url: citation.url.0.into_owned(),
                    title: text(&citation.title).to_owned(),
                });
            }
        }
    }

    fn take_call(&mut self, delta: &CallDelta<'_>, out: &mut Vec<Event>) {
        let piece = Piece::of(delta);
        let at = self.calls.find(&piece);
        if at.is_none() {
            if piece.is_empty() {
                return;
            }
            self.close_reasoning(out);
            self.close_text(out);
        }
        self.calls.take(at, &piece, &mut self.assembly, out);
    }

    fn close_text(&mut self, out: &mut Vec<Event>) {
        if let Some(TextPart { mut part, is_refusal }) = self.text.take() {
            if is_refusal {
                part.metadata.push(metadata(self.dialect.namespace, REFUSAL, "true"));
            }
            part.close(out);
        }
        self.give_sources(out);
    }

    fn give_sources(&mut self, out: &mut Vec<Event>) {
        for source in &self.sources[self.sources_given..] {
            self.assembly.add(Part { body: Some(Body::Source(source.clone())), ..Part::default() }, out);
        }
        self.sources_given = self.sources.len();
    }

    fn close_reasoning(&mut self, out: &mut Vec<Event>) {
        let Some((mut part, details)) = self.reasoning.take() else { return };
        if part.text().is_empty() {
            part.redact();
        }
        // Whoever takes text back only needs what the text does not say.
        let is_kept = details.has_secrets() || self.dialect.replay == Replay::Details;
        if is_kept && !details.is_empty() {
            part.metadata.push(metadata(self.dialect.namespace, REASONING_DETAILS, details.to_json()));
        }
        part.close(out);
    }

    /// Ends the answer. Without a reason to stop it is complete only where all it did was to ask
    /// for tools.
    pub(in crate::codec::openai_chat) fn end(&mut self, out: &mut Vec<Event>) {
        if self.is_ended() {
            return;
        }
        let raw_reason = match self.finish_reason.take() {
            Some(reason) => reason,
            None if self.calls.are_whole() => String::new(),
            None => return self.fail(&Failure::incomplete(), out),
        };
        self.close_reasoning(out);
        self.close_text(out);
        let stated = reason_of(&raw_reason);
        let has_calls = self.calls.close(stated == FinishReason::Length, &mut self.assembly, out);
        let reason = match stated {
            FinishReason::Stop if has_calls => FinishReason::ToolCalls,
            FinishReason::ToolCalls if !has_calls => {
                self.assembly.warn(ODD_STREAM, "the answer ended with calls that it does not have", out);
                FinishReason::Stop
            }
            stated => stated,
        };
        let usage = self.usage.take();
        let finish =
            Finish { reason: reason.into(), raw_reason, usage, context_limit: self.context_limit, ..Finish::default() };
        self.assembly.finish(finish, out);
    }
}

fn reason_of(finish_reason: &str) -> FinishReason {
    match finish_reason {
        "stop" | "" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        "error" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
