//! Reads the stream of an answer: from bytes to events, from events to the machine's steps.

mod event;
mod item;
pub(super) mod machine;

use self::event::Frame;
use self::machine::Machine;
use crate::classify::Failure;
use crate::codec::json::text;
use crate::codec::{Decoder, Event, ResponseContext};
use crate::sse::{Item, Parser};

/// What some servers that speak the protocol end a stream with.
const DONE: &str = "[DONE]";

/// The decoder of one stream.
#[derive(Debug)]
pub(super) struct StreamDecoder {
    parser: Parser,
    machine: Machine,
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

    /// The last event alone says that the answer is complete, and with it the stream ends.
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
        Item::Event { data, .. } if matches!(data.trim(), "" | DONE) => machine.heartbeat(out),
        Item::Event { data, .. } => match serde_json::from_str::<Frame<'_>>(data) {
            Ok(frame) => take_frame(machine, &frame, data, out),
            Err(error) => machine.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
        },
    }
}

fn take_frame(machine: &mut Machine, frame: &Frame<'_>, data: &str, out: &mut Vec<Event>) {
    match (text(&frame.kind), frame.item, frame.response) {
        ("response.created" | "response.queued" | "response.in_progress", _, Some(response)) => {
            machine.started(response.get(), out);
        }
        ("response.output_item.added", Some(item), _) => machine.item_added(frame.output_index(), item, out),
        ("response.output_item.done", Some(item), _) => machine.item_done(frame.output_index(), item, out),
        ("response.completed" | "response.incomplete" | "response.failed" | "response.cancelled", _, response) => {
            machine.ended(response.map_or("{}", |response| response.get()), out);
        }
        ("error", ..) => machine.provider_error(data, out),
        // Pieces of items; new kinds of events must not break a stream.
        (kind, ..) => machine.piece(kind, frame, out),
    }
}
