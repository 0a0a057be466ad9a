//! The grammar of a message: start, blocks one after the other, reason to stop, stop.

use std::collections::HashMap;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, ProviderMetadata};
use chatmesh_proto::llm::v1::Finish;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Delta;
use super::block::Block;
use crate::classify::Failure;
use crate::codec::anthropic::usage::Counts;
use crate::codec::anthropic::{CONTAINER, NAMESPACE, errors};
use crate::codec::assembly::Assembly;
use crate::codec::json::{Text, text};
use crate::codec::metadata::metadata;
use crate::codec::warnings::ODD_STREAM;
use crate::codec::{Event, ResponseContext, context_limit};

/// Where a message stands.
#[derive(Debug)]
pub(in crate::codec::anthropic) struct Machine {
    assembly: Assembly,
    is_started: bool,
    /// The block that is open, with its number.
    open: Option<(u32, Block)>,
    /// The number after the highest that was seen.
    next_block: u32,
    /// Names of the provider's own tools by the identifier of the call.
    tool_names: HashMap<String, String>,
    counts: Counts,
    stop_reason: String,
    metadata: Vec<ProviderMetadata>,
    /// The largest context limit that the provider named.
    context_limit: u32,
}

#[derive(Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WithUsage<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl Machine {
    pub(in crate::codec::anthropic) fn new(context: ResponseContext) -> Self {
        Self {
            assembly: Assembly::new(context),
            is_started: false,
            open: None,
            next_block: 0,
            tool_names: HashMap::new(),
            counts: Counts::default(),
            stop_reason: String::new(),
            metadata: Vec::new(),
            context_limit: 0,
        }
    }

    pub(in crate::codec::anthropic) fn is_ended(&self) -> bool {
        self.assembly.is_ended()
    }

    pub(super) fn heartbeat(&mut self, out: &mut Vec<Event>) {
        self.assembly.heartbeat(out);
    }

    pub(in crate::codec::anthropic) fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.assembly.fail(failure, out);
    }

    pub(in crate::codec::anthropic) fn provider_error(&mut self, data: &str, out: &mut Vec<Event>) {
        self.assembly.fail(&errors::in_stream(data), out);
    }

    /// Begins the message; `json` is the message object.
    pub(in crate::codec::anthropic) fn message_start(&mut self, json: &str, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.is_started, true) {
            return self.fail(&Failure::protocol("the message began twice"), out);
        }
        let head = serde_json::from_str::<Head<'_>>(json).unwrap_or_default();
        self.assembly.start(text(&head.id), text(&head.model), out);
        self.merge_usage(json);
    }

    /// Takes the reason to stop and the usage beside it; `json` is what holds `usage`.
    pub(in crate::codec::anthropic) fn message_stop_reason(&mut self, reason: &str, json: &str) {
        if !reason.is_empty() {
            reason.clone_into(&mut self.stop_reason);
        }
        self.merge_usage(json);
    }

    /// Keeps the container that code ran in for the next call: with the message, which returns, and
    /// with its end, for whoever looks there.
    pub(in crate::codec::anthropic) fn container(&mut self, raw: &RawValue, out: &mut Vec<Event>) {
        if raw.get() == "null" {
            return;
        }
        let container = metadata(NAMESPACE, CONTAINER, raw.get().to_owned());
        self.close(out);
        let provider_metadata = vec![container.clone()];
        self.assembly.add(Part { body: Some(Body::Text(String::new())), provider_metadata, ..Part::default() }, out);
        self.metadata.push(container);
    }

    fn merge_usage(&mut self, json: &str) {
        self.context_limit = self.context_limit.max(context_limit::find(json));
        let usage = serde_json::from_str::<WithUsage<'_>>(json).ok().and_then(|outer| outer.usage);
        if let Some(usage) = usage {
            self.counts.merge(Counts::parse(usage.get()));
        }
    }

    /// Begins a block; one that was not ended is ended.
    pub(in crate::codec::anthropic) fn block_start(&mut self, index: u32, raw: &RawValue, out: &mut Vec<Event>) {
        if !self.is_started {
            return self.fail(&Failure::protocol("a block began before the message"), out);
        }
        self.close(out);
        self.next_block = self.next_block.max(index.saturating_add(1));
        match Block::start(raw, &mut self.assembly, &mut self.tool_names, out) {
            Ok(block) => self.open = Some((index, block)),
            Err(failure) => self.fail(&failure, out),
        }
    }

    /// Adds a piece to the open block.
    pub(super) fn block_delta(&mut self, index: u32, delta: &Delta<'_>, out: &mut Vec<Event>) {
        match &mut self.open {
            Some((open, block)) if *open == index => block.append(delta, out),
            _ if index < self.next_block => {
                self.assembly.warn(ODD_STREAM, "a piece came after the end of its block", out);
            }
            _ => self.fail(&Failure::protocol("a piece belongs to no block"), out),
        }
    }

    /// Ends a block. One that is not open was ended by the start of the next.
    pub(in crate::codec::anthropic) fn block_stop(&mut self, index: u32, out: &mut Vec<Event>) {
        if self.open.as_ref().is_some_and(|(open, _)| *open == index) {
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some((_, block)) = self.open.take() {
            block.close(&mut self.assembly, out);
        }
    }

    /// Ends the message. Without a reason to stop it is not complete.
    pub(in crate::codec::anthropic) fn message_stop(&mut self, out: &mut Vec<Event>) {
        self.close(out);
        if !self.is_started || self.stop_reason.is_empty() {
            return self.fail(&Failure::incomplete(), out);
        }
        let finish = Finish {
            reason: reason_of(&self.stop_reason).into(),
            raw_reason: std::mem::take(&mut self.stop_reason),
            usage: self.counts.usage(),
            provider_metadata: std::mem::take(&mut self.metadata),
            context_limit: self.context_limit,
            ..Finish::default()
        };
        self.assembly.finish(finish, out);
    }
}

fn reason_of(stop_reason: &str) -> FinishReason {
    match stop_reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "pause_turn" => FinishReason::Pause,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" | "content_filtered" | "guardrail_intervened" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
