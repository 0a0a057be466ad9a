//! Reads the stream of a message: from bytes to frames, from frames to the machine's steps.

pub(super) mod block;
pub(super) mod machine;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::machine::Machine;
use crate::classify::Failure;
use crate::codec::json::{Text, text};
use crate::codec::{Decoder, Event, ResponseContext};
use crate::sse::{Item, Parser};

/// The decoder of one stream.
#[derive(Debug)]
pub(super) struct StreamDecoder {
    parser: Parser,
    machine: Machine,
}

/// What a frame may hold. Which fields count, its type says.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(default)]
    index: u32,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
}

/// A piece of a block or the end of the message. No two types of pieces share a field, so the
/// type need not be looked at.
#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) partial_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) citation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    container: Option<&'a RawValue>,
}

impl StreamDecoder {
    pub(super) fn new(context: ResponseContext) -> Self {
        Self { parser: Parser::new(), machine: Machine::new(context) }
    }
}

impl Decoder for StreamDecoder {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> bool {
        let Self { parser, machine } = self;
        let mut is_alive = false;
        let result = parser.push(bytes, |item| {
            is_alive = true;
            take_item(machine, item, out);
        });
        if let Err(error) = result {
            machine.fail(&Failure::protocol(error.to_string()), out);
        }
        is_alive
    }

    /// The last event alone says that the message is complete, and with it the stream ends.
    fn is_complete(&self) -> bool {
        false
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        let Self { parser, machine } = self;
        parser.finish(|item| {
            // What was cut cannot be read; that the stream ended early is all there is to say.
            if let Item::Event { data, .. } = item
                && serde_json::from_str::<Frame<'_>>(data).is_ok()
            {
                take_item(machine, item, out);
            }
        });
        machine.fail(&Failure::incomplete(), out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.machine.fail(failure, out);
    }
}

fn take_item(machine: &mut Machine, item: Item<'_>, out: &mut Vec<Event>) {
    if machine.is_ended() {
        return;
    }
    match item {
        Item::Comment => machine.heartbeat(out),
        Item::Event { name: "error", data } => machine.provider_error(data, out),
        Item::Event { data, .. } => take_data(machine, data, out),
    }
}

/// Takes the JSON of an event, however it came.
pub(super) fn take_data(machine: &mut Machine, data: &str, out: &mut Vec<Event>) {
    match serde_json::from_str::<Frame<'_>>(data) {
        Ok(frame) => take_frame(machine, &frame, data, out),
        Err(error) => machine.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
    }
}

fn take_frame(machine: &mut Machine, frame: &Frame<'_>, data: &str, out: &mut Vec<Event>) {
    match (text(&frame.kind), frame.content_block, &frame.delta) {
        ("message_start", ..) => machine.message_start(frame.message.map_or("{}", RawValue::get), out),
        ("content_block_start", Some(block), _) => machine.block_start(frame.index, block, out),
        ("content_block_delta", _, Some(delta)) => machine.block_delta(frame.index, delta, out),
        ("content_block_stop", ..) => machine.block_stop(frame.index, out),
        ("message_delta", _, delta) => {
            let stop_reason = delta.as_ref().map_or("", |delta| text(&delta.stop_reason));
            machine.message_stop_reason(stop_reason, data);
            if let Some(container) = delta.as_ref().and_then(|delta| delta.container) {
                machine.container(container, out);
            }
        }
        ("message_stop", ..) => machine.message_stop(out),
        ("error", ..) => machine.provider_error(data, out),
        ("ping", ..) => machine.heartbeat(out),
        // New kinds of events must not break a stream.
        _ => {}
    }
}
