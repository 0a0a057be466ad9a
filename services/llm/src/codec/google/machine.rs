//! Puts an answer together from its chunks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, FinishReason, Part, Source, ToolCall, ToolResult, Usage};
use chatmesh_proto::llm::v1::Finish;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{GROUNDING, NAMESPACE, RAW, THOUGHT_SIGNATURE, usage};
use crate::classify::{Failure, parse_body};
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::history::ORIGINAL_CALL_ID;
use crate::codec::json::{Text, is_object, text};
use crate::codec::metadata::{metadata, metadata_of};
use crate::codec::warnings::ODD_STREAM;
use crate::codec::{Event, ResponseContext};

/// Where an answer stands.
#[derive(Debug)]
pub(super) struct Machine {
    assembly: Assembly,
    /// The text that is being said, and whether it is a thought.
    open: Option<(bool, OpenPart)>,
    has_parts: bool,
    has_calls: bool,
    reason: String,
    block_reason: String,
    usage: Option<Usage>,
    grounding: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    response_id: Option<Text<'a>>,
    #[serde(default)]
    prompt_feedback: Option<Value>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    grounding_metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(borrow, default)]
    thought_signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<FunctionCall<'a>>,
    #[serde(borrow, default)]
    inline_data: Option<InlineData<'a>>,
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InlineData<'a> {
    #[serde(borrow, default)]
    mime_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
}

impl Machine {
    pub(super) fn new(context: ResponseContext) -> Self {
        Self {
            assembly: Assembly::new(context),
            open: None,
            has_parts: false,
            has_calls: false,
            reason: String::new(),
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
        if self.assembly.is_ended() {
            return;
        }
        let chunks = match json.trim_start().starts_with('[') {
            true => serde_json::from_str::<Vec<Chunk<'_>>>(json),
            false => serde_json::from_str::<Chunk<'_>>(json).map(|chunk| vec![chunk]),
        };
        match chunks {
            Ok(chunks) => chunks.into_iter().for_each(|chunk| self.chunk(chunk, json, out)),
            Err(error) => self.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
        }
    }

    fn chunk(&mut self, chunk: Chunk<'_>, json: &str, out: &mut Vec<Event>) {
        if chunk.error.is_some() {
            return self.fail(&parse_body(json.as_bytes()), out);
        }
        self.assembly.start(text(&chunk.response_id), text(&chunk.model_version), out);
        if let Some(usage) = chunk.usage_metadata.and_then(|raw| usage::parse(raw.get())) {
            self.usage = Some(usage);
        }
        if let Some(reason) = chunk.prompt_feedback.as_ref().and_then(|it| it["blockReason"].as_str()) {
            reason.clone_into(&mut self.block_reason);
        }
        for candidate in chunk.candidates.into_iter().flatten() {
            if candidate.index.unwrap_or(0) > 0 {
                self.assembly.warn(ODD_STREAM, "an answer beside the first was left out", out);
                continue;
            }
            for raw in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
                self.part(raw, out);
            }
            if self.reason.is_empty() {
                text(&candidate.finish_reason).clone_into(&mut self.reason);
            }
            self.grounding = candidate.grounding_metadata.or(self.grounding.take());
        }
    }

    fn part(&mut self, raw: &RawValue, out: &mut Vec<Event>) {
        let part = serde_json::from_str::<WirePart<'_>>(raw.get()).unwrap_or_default();
        let signature = part.thought_signature.map(|raw| metadata(NAMESPACE, THOUGHT_SIGNATURE, raw.get().to_owned()));
        if let Some(piece) = &part.text {
            let is_thought = part.thought == Some(true);
            // A signature holds for the part that it stands on, so that one is never merged.
            if signature.is_some() || self.open.as_ref().is_some_and(|(open, _)| *open != is_thought) {
                self.close(out);
            }
            if piece.0.is_empty() && signature.is_none() {
                return;
            }
            self.has_parts = true;
            let kind = if is_thought { Kind::Reasoning { redacted: false } } else { Kind::Text };
            let assembly = &mut self.assembly;
            let (_, open) = self.open.get_or_insert_with(|| (is_thought, assembly.open(kind, out)));
            open.append(&piece.0, out);
            if let Some(signature) = signature {
                open.metadata.push(signature);
                self.close(out);
            }
            return;
        }
        self.close(out);
        self.has_parts = true;
        if let Some(call) = part.function_call {
            self.has_calls = true;
            let (id, _) = self.assembly.call_id(text(&call.id));
            let name = text(&call.name).to_owned();
            let mut open = self.assembly.open(Kind::Call { id, name, provider_executed: false }, out);
            let args = call.args.map_or("", RawValue::get);
            open.append(if is_object(args) { args } else { "{}" }, out);
            if !text(&call.id).is_empty() {
                open.metadata.push(metadata_of(NAMESPACE, ORIGINAL_CALL_ID, &text(&call.id)));
            }
            open.metadata.extend(signature);
            return open.close_call(out);
        }
        let body = part.inline_data.and_then(|inline| {
            let data = STANDARD.decode(text(&inline.data)).ok()?.into();
            Some(Body::File(File { media_type: text(&inline.mime_type).to_owned(), data, ..File::default() }))
        });
        let provider_metadata = match body {
            Some(_) => signature.into_iter().collect(),
            None => vec![metadata(NAMESPACE, RAW, raw.get().to_owned())],
        };
        let body = Some(body.unwrap_or_else(|| Body::Text(String::new())));
        self.assembly.add(Part { body, provider_metadata, ..Part::default() }, out);
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some((_, open)) = self.open.take() {
            open.close(out);
        }
    }

    /// What the provider searched for and found, as a call that it ran itself.
    fn report_search(&mut self, out: &mut Vec<Event>) {
        let Some(grounding) = self.grounding.take() else { return };
        let queries = &grounding["webSearchQueries"];
        let found: Vec<_> =
            grounding["groundingChunks"].as_array().into_iter().flatten().map(|it| &it["web"]).collect();
        let found: Vec<_> = found.into_iter().filter(|web| web["uri"].is_string()).collect();
        if found.is_empty() && !queries.is_array() {
            return;
        }
        let (call_id, _) = self.assembly.call_id("");
        let name = "web_search".to_owned();
        let args = json!({ "queries": queries }).to_string();
        let call = ToolCall {
            call_id: call_id.clone(),
            name: name.clone(),
            args,
            provider_executed: true,
            ..ToolCall::default()
        };
        let result = json!({ "sources": found }).to_string();
        let result = ToolResult { call_id, name, result, provider_executed: true, ..ToolResult::default() };
        let provider_metadata = vec![metadata_of(NAMESPACE, GROUNDING, &grounding)];
        self.assembly.add(Part { body: Some(Body::ToolCall(call)), ..Part::default() }, out);
        self.assembly.add(Part { body: Some(Body::ToolResult(result)), provider_metadata, ..Part::default() }, out);
        for (number, web) in found.into_iter().enumerate() {
            let word = |key: &str| web[key].as_str().unwrap_or_default().to_owned();
            let source = Source { source_id: format!("source-{number}"), url: word("uri"), title: word("title") };
            self.assembly.add(Part { body: Some(Body::Source(source)), ..Part::default() }, out);
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
        self.report_search(out);
        let reason = match self.block_reason.is_empty() {
            true => reason_of(&self.reason, self.has_calls),
            false => FinishReason::ContentFilter,
        };
        if !self.has_parts && reason == FinishReason::Stop {
            return self.fail(&Failure::incomplete(), out);
        }
        let raw_reason = if self.reason.is_empty() { &mut self.block_reason } else { &mut self.reason };
        let raw_reason = std::mem::take(raw_reason);
        let finish = Finish { reason: reason.into(), raw_reason, usage: self.usage, ..Finish::default() };
        self.assembly.finish(finish, out);
    }
}

fn reason_of(reason: &str, has_calls: bool) -> FinishReason {
    match reason {
        "STOP" | "FUNCTION_CALL" if has_calls => FinishReason::ToolCalls,
        "STOP" | "FUNCTION_CALL" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "MODEL_ARMOR"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED" => FinishReason::ContentFilter,
        "RECITATION"
        | "IMAGE_RECITATION"
        | "LANGUAGE"
        | "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "NO_IMAGE" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
