//! The grammar of a message: start, blocks with numbers of their own, reason to stop, usage.

use std::collections::{BTreeMap, HashMap, HashSet};

use chatmesh_proto::common::v1::{FinishReason, Usage};
use chatmesh_proto::llm::v1::Finish;

use super::ToolUse;
use super::block::{Block, Piece};
use crate::classify::Failure;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::bedrock_converse::usage;
use crate::codec::json::text;
use crate::codec::warnings::ODD_STREAM;
use crate::codec::{Event, ResponseContext, context_limit};

/// What the service calls a tool that it runs itself.
const SERVER_TOOL: &str = "server_tool_use";

/// Where a message stands.
#[derive(Debug)]
pub(in crate::codec::bedrock_converse) struct Machine {
    assembly: Assembly,
    is_started: bool,
    /// The blocks that are open, by their numbers.
    open: BTreeMap<u32, Block>,
    /// The numbers of those that ended.
    ended: HashSet<u32>,
    /// The tools that are called otherwise on the wire.
    renamed_tools: HashMap<String, String>,
    has_calls: bool,
    stop_reason: Option<String>,
    usage: Option<Usage>,
    /// The largest context limit that the provider named.
    context_limit: u32,
}

impl Machine {
    pub(in crate::codec::bedrock_converse) fn new(mut context: ResponseContext) -> Self {
        let renamed_tools = std::mem::take(&mut context.renamed_tools);
        Self {
            assembly: Assembly::new(context),
            is_started: false,
            open: BTreeMap::new(),
            ended: HashSet::new(),
            renamed_tools,
            has_calls: false,
            stop_reason: None,
            usage: None,
            context_limit: 0,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.assembly.is_ended()
    }

    /// The answer is complete, though its usage may still come.
    pub(super) fn has_stopped(&self) -> bool {
        self.stop_reason.is_some()
    }

    pub(in crate::codec::bedrock_converse) fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.assembly.fail(failure, out);
    }

    pub(in crate::codec::bedrock_converse) fn start(&mut self, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.is_started, true) {
            return self.fail(&Failure::protocol("the message began twice"), out);
        }
        self.assembly.start("", "", out);
    }

    /// Begins a block that is announced: a call, or something that is not known here.
    pub(in crate::codec::bedrock_converse) fn block_start(
        &mut self,
        index: u32,
        call: Option<&ToolUse<'_>>,
        out: &mut Vec<Event>,
    ) {
        self.block_stop(index, out);
        self.ended.remove(&index);
        let block = match call {
            Some(call) => Block::Call(self.open_call(call, out)),
            None => Block::Unknown,
        };
        self.open.insert(index, block);
    }

    fn open_call(&mut self, call: &ToolUse<'_>, out: &mut Vec<Event>) -> OpenPart {
        let name = text(&call.name);
        let name = self.renamed_tools.get(name).cloned().unwrap_or_else(|| name.to_owned());
        let provider_executed = text(&call.kind) == SERVER_TOOL;
        self.has_calls |= !provider_executed;
        let id = match provider_executed {
            true => text(&call.tool_use_id).to_owned(),
            false => self.assembly.call_id(text(&call.tool_use_id)).0,
        };
        self.assembly.open(Kind::Call { id, name, provider_executed }, out)
    }

    /// Adds a piece to a block, which begins with it where it was not announced.
    pub(in crate::codec::bedrock_converse) fn block_piece(
        &mut self,
        index: u32,
        piece: Piece<'_>,
        out: &mut Vec<Event>,
    ) {
        if self.ended.contains(&index) {
            return self.assembly.warn(ODD_STREAM, "a piece came after the end of its block", out);
        }
        if let Some(block) = self.open.get_mut(&index).filter(|block| block.takes(piece)) {
            return block.append(piece, &mut self.assembly, out);
        }
        if matches!(piece, Piece::Input(_)) {
            return self.fail(&Failure::protocol("arguments belong to no call"), out);
        }
        // The content changed its kind without a word.
        self.close(index, out);
        if let Some(mut block) = Block::beginning_with(piece, &mut self.assembly, out) {
            block.append(piece, &mut self.assembly, out);
            self.open.insert(index, block);
        }
    }

    pub(in crate::codec::bedrock_converse) fn block_stop(&mut self, index: u32, out: &mut Vec<Event>) {
        if self.close(index, out) {
            self.ended.insert(index);
        }
    }

    /// Ends a block; false where it is not open.
    fn close(&mut self, index: u32, out: &mut Vec<Event>) -> bool {
        let block = self.open.remove(&index);
        let is_open = block.is_some();
        if let Some(block) = block {
            block.close(&mut self.assembly, out);
        }
        is_open
    }

    /// Takes the reason to stop. The usage comes after it.
    pub(in crate::codec::bedrock_converse) fn stop(&mut self, reason: &str, out: &mut Vec<Event>) {
        for (_, block) in std::mem::take(&mut self.open) {
            block.close(&mut self.assembly, out);
        }
        if reason.is_empty() {
            return self.fail(&Failure::incomplete(), out);
        }
        self.stop_reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Takes the usage, and with it the end; `json` is everything that came beside it.
    pub(in crate::codec::bedrock_converse) fn usage(&mut self, counts: &str, json: &str, out: &mut Vec<Event>) {
        if let Some(usage) = usage::parse(counts) {
            self.usage = Some(usage);
        }
        self.context_limit = self.context_limit.max(context_limit::find(json));
        if self.has_stopped() {
            self.end(out);
        }
    }

    /// Ends the message. Without a reason to stop it is not complete.
    pub(in crate::codec::bedrock_converse) fn end(&mut self, out: &mut Vec<Event>) {
        let Some(raw_reason) = self.stop_reason.take() else {
            return self.fail(&Failure::incomplete(), out);
        };
        let finish = Finish {
            reason: reason_of(&raw_reason, self.has_calls).into(),
            raw_reason,
            usage: self.usage.take(),
            context_limit: self.context_limit,
            ..Finish::default()
        };
        self.assembly.finish(finish, out);
    }
}

fn reason_of(stop_reason: &str, has_calls: bool) -> FinishReason {
    match stop_reason {
        // Not every model says so when it waits for the results of its calls.
        "end_turn" | "stop_sequence" if has_calls => FinishReason::ToolCalls,
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "malformed_model_output" | "malformed_tool_use" => FinishReason::Error,
        _ => FinishReason::Other,
    }
}
