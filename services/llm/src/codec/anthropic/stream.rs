//! Reads the stream of a message: from bytes to frames, from frames to the machine's steps.

pub(super) mod block;
pub(super) mod machine;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::machine::Machine;
use crate::classify::Failure;
use crate::codec::Event;
use crate::codec::json::{Text, text};
use crate::codec::sse_decoder::Carried;
use crate::sse::Item;

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

/// The last event alone says that the message is complete, and with it the stream ends: nothing can finish before.
impl Carried for Machine {
    fn item(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        if self.is_ended() {
            return;
        }
        match item {
            Item::Comment => self.heartbeat(out),
            Item::Event { name: "error", data } => self.provider_error(data, out),
            Item::Event { data, .. } => take_data(self, data, out),
        }
    }

    fn is_whole(data: &str) -> bool {
        serde_json::from_str::<Frame<'_>>(data).is_ok()
    }

    fn failed(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.fail(failure, out);
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
