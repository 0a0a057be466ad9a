//! Reads an answer that came as one document, by the same steps as a stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::stream::ToolUse;
use super::stream::block::Piece;
use super::stream::machine::Machine;
use crate::classify::Failure;
use crate::codec::json::{Text, text};
use crate::codec::{Event, ResponseContext};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow, default)]
    tool_use: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow, default)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WithInput<'a> {
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// Appends the events of a whole answer.
pub(super) fn decode(context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
    let mut machine = Machine::new(context);
    let body = String::from_utf8_lossy(body);
    let answer: Answer<'_> = match serde_json::from_str(&body) {
        Ok(answer) => answer,
        Err(error) => {
            return machine.fail(&Failure::protocol(format!("the answer is not a message: {error}")), out);
        }
    };
    machine.start(out);
    for (index, block) in (0..).zip(&answer.output.message.content) {
        take(&mut machine, index, block, out);
        machine.block_stop(index, out);
    }
    machine.stop(text(&answer.stop_reason), out);
    machine.usage(answer.usage.map_or("{}", RawValue::get), &body, out);
}

fn take(machine: &mut Machine, index: u32, block: &Block<'_>, out: &mut Vec<Event>) {
    if let Some(said) = &block.text {
        machine.block_piece(index, Piece::Text(&said.0), out);
    }
    if let Some(reasoning) = &block.reasoning_content {
        let shown = reasoning.reasoning_text.as_ref();
        let thought = shown.map_or("", |it| text(&it.text));
        let signature = shown.map_or("", |it| text(&it.signature));
        for piece in
            [Piece::Thought(thought), Piece::Signature(signature), Piece::Redacted(text(&reasoning.redacted_content))]
        {
            machine.block_piece(index, piece, out);
        }
    }
    if let Some(raw) = block.tool_use {
        match serde_json::from_str::<ToolUse<'_>>(raw.get()) {
            Ok(call) => machine.block_start(index, Some(&call), out),
            Err(error) => return machine.fail(&Failure::protocol(format!("a call cannot be read: {error}")), out),
        }
        let input = serde_json::from_str::<WithInput<'_>>(raw.get()).ok().and_then(|call| call.input);
        machine.block_piece(index, Piece::Input(input.map_or("", RawValue::get)), out);
    }
}
