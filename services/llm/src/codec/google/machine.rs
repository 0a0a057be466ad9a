//! Puts an answer together from its chunks.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, FinishReason, Part, ProviderMetadata, Usage};
use chatmesh_proto::llm::v1::Finish;
use serde_json::Value;
use serde_json::value::RawValue;

use super::chunk::{self, Candidate, Chunk, FunctionCall, InlineData};
use super::{NAMESPACE, RAW, THOUGHT_SIGNATURE, grounding, reason, usage};
use crate::classify::{Failure, parse_body};
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::history::ORIGINAL_CALL_ID;
use crate::codec::json::{is_object, text};
use crate::codec::metadata::{metadata, metadata_of};
use crate::codec::warnings::ODD_STREAM;
use crate::codec::{Event, ResponseContext};

/// What other protocols end their streams with, and some servers therefore this one as well.
const DONE: &str = "[DONE]";

/// Where an answer stands.
#[derive(Debug)]
pub(super) struct Machine {
    assembly: Assembly,
    /// The tools that are called otherwise on the wire.
    renamed_tools: HashMap<String, String>,
    /// The text that is being said, and whether it is a thought.
    open: Option<(bool, OpenPart)>,
    has_parts: bool,
    has_calls: bool,
    reason: String,
    /// What the provider says of its reason.
    message: String,
    block_reason: String,
    usage: Option<Usage>,
    grounding: Option<Value>,
}

impl Machine {
    pub(super) fn new(mut context: ResponseContext) -> Self {
        let renamed_tools = std::mem::take(&mut context.renamed_tools);
        Self {
            assembly: Assembly::new(context),
            renamed_tools,
            open: None,
            has_parts: false,
            has_calls: false,
            reason: String::new(),
            message: String::new(),
            block_reason: String::new(),
            usage: None,
            grounding: None,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.reason.is_empty() || !self.block_reason.is_empty()
    }

    pub(super) fn heartbeat(&mut self, out: &mut Vec<Event>) {
        if !self.assembly.is_ended() {
            self.assembly.heartbeat(out);
        }
    }

    pub(super) fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.assembly.fail(failure, out);
    }

    /// Takes a chunk, or an array of them, as the provider writes without `alt=sse`.
    pub(super) fn take(&mut self, json: &str, out: &mut Vec<Event>) {
        let json = json.trim();
        if self.assembly.is_ended() || json == DONE {
            return;
        }
        let chunks = match json.starts_with('[') {
            true => serde_json::from_str::<Vec<Chunk<'_>>>(json),
            false => serde_json::from_str::<Chunk<'_>>(json).map(|chunk| vec![chunk]),
        };
        match chunks {
            Ok(chunks) => chunks.into_iter().for_each(|chunk| self.chunk(&chunk, json, out)),
            Err(error) => self.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, json: &str, out: &mut Vec<Event>) {
        if self.assembly.is_ended() {
            return;
        }
        if chunk.error.is_some() {
            return self.fail(&parse_body(json.as_bytes()), out);
        }
        self.assembly.start(text(&chunk.response_id), text(&chunk.model_version), out);
        if let Some(usage) = chunk.usage_metadata.and_then(|raw| usage::parse(raw.get())) {
            self.usage = Some(usage);
        }
        let blocked = chunk.prompt_feedback.as_ref().map_or("", |feedback| text(&feedback.block_reason));
        if !blocked.is_empty() {
            blocked.clone_into(&mut self.block_reason);
        }
        for raw in chunk.candidates.iter().flatten() {
            self.candidate(chunk::read(raw), out);
        }
    }

    fn candidate(&mut self, candidate: Candidate<'_>, out: &mut Vec<Event>) {
        if candidate.index.unwrap_or(0) > 0 {
            return self.assembly.warn(ODD_STREAM, "an answer beside the first was left out", out);
        }
        for raw in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            self.part(raw, out);
        }
        if self.reason.is_empty() {
            text(&candidate.finish_reason).clone_into(&mut self.reason);
            text(&candidate.finish_message).clone_into(&mut self.message);
        }
        if candidate.grounding_metadata.is_some() {
            self.grounding = candidate.grounding_metadata;
        }
    }

    fn part(&mut self, raw: &RawValue, out: &mut Vec<Event>) {
        let part: chunk::Part<'_> = chunk::read(raw);
        let signature = part.thought_signature.map(|raw| metadata(NAMESPACE, THOUGHT_SIGNATURE, raw.get().to_owned()));
        let is_thought = part.thought == Some(true);
        if let Some(piece) = &part.text {
            return self.say(is_thought, &piece.0, signature, out);
        }
        self.close(out);
        if let Some(call) = &part.function_call {
            return self.call(call, signature, out);
        }
        let file = part.inline_data.as_ref().and_then(file);
        // Sketches are thoughts as well; who wants one back signs it.
        if file.is_some() && is_thought && signature.is_none() {
            return;
        }
        self.has_parts = true;
        let (body, datum) = match file {
            Some(file) => (Body::File(file), signature),
            None => (Body::Text(String::new()), Some(metadata(NAMESPACE, RAW, raw.get().to_owned()))),
        };
        let provider_metadata = datum.into_iter().collect();
        self.assembly.add(Part { body: Some(body), provider_metadata, ..Part::default() }, out);
    }

    /// Adds to what is being said. A signature holds for the part that it came with, so such a
    /// part stands alone, be its text empty.
    fn say(&mut self, is_thought: bool, piece: &str, signature: Option<ProviderMetadata>, out: &mut Vec<Event>) {
        if piece.is_empty() && signature.is_none() {
            return;
        }
        if signature.is_some() || self.open.as_ref().is_some_and(|(open, _)| *open != is_thought) {
            self.close(out);
        }
        self.has_parts = true;
        let assembly = &mut self.assembly;
        let (_, open) = self.open.get_or_insert_with(|| {
            let kind = if is_thought { Kind::Reasoning { redacted: false } } else { Kind::Text };
            (is_thought, assembly.open(kind, out))
        });
        open.append(piece, out);
        if let Some(signature) = signature {
            open.metadata.push(signature);
            self.close(out);
        }
    }

    fn call(&mut self, call: &FunctionCall<'_>, signature: Option<ProviderMetadata>, out: &mut Vec<Event>) {
        self.has_parts = true;
        self.has_calls = true;
        let name = text(&call.name);
        let name = self.renamed_tools.get(name).cloned().unwrap_or_else(|| name.to_owned());
        let (id, _) = self.assembly.call_id(text(&call.id));
        let mut open = self.assembly.open(Kind::Call { id, name, provider_executed: false }, out);
        let args = call.args.map_or("", RawValue::get);
        if is_object(args) {
            open.append(args, out);
        } else if !matches!(args, "" | "null") {
            self.assembly.warn(ODD_STREAM, "the arguments of a call are no object and were left out", out);
        }
        // Without it one cannot tell an identifier of the provider's from one of ours.
        let id = Some(text(&call.id)).filter(|id| !id.is_empty());
        open.metadata.extend(id.map(|id| metadata_of(NAMESPACE, ORIGINAL_CALL_ID, &id)));
        open.metadata.extend(signature);
        open.close_call(out);
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some((_, open)) = self.open.take() {
            open.close(out);
        }
    }

    /// The provider says no more: a finish where the answer is complete, else the failure.
    pub(super) fn end(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        if self.assembly.is_ended() {
            return;
        }
        if !self.is_complete() {
            return self.fail(failure, out);
        }
        self.close(out);
        if let Some(grounding) = self.grounding.take() {
            grounding::report(&grounding, &mut self.assembly, out);
        }
        let reason = match self.block_reason.is_empty() {
            true => reason::of(&self.reason, self.has_calls),
            false => FinishReason::ContentFilter,
        };
        if !self.has_parts && reason == FinishReason::Stop {
            return self.fail(&Failure::incomplete(), out);
        }
        if !matches!(reason, FinishReason::Stop | FinishReason::ToolCalls) && !self.message.is_empty() {
            self.assembly.warn(ODD_STREAM, std::mem::take(&mut self.message), out);
        }
        let raw_reason = if self.reason.is_empty() { &mut self.block_reason } else { &mut self.reason };
        let raw_reason = std::mem::take(raw_reason);
        let finish = Finish { reason: reason.into(), raw_reason, usage: self.usage, ..Finish::default() };
        self.assembly.finish(finish, out);
    }
}

/// A file that the model made; `None` where it is not what it should be.
fn file(inline: &InlineData<'_>) -> Option<File> {
    let data = STANDARD.decode(text(&inline.data)).ok()?.into();
    Some(File { media_type: text(&inline.mime_type).to_owned(), data, ..File::default() })
}
