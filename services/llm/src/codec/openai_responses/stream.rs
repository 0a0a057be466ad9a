//! Reads the stream of an answer: from bytes to events, from events to the machine's steps.

mod event;
mod item;
pub(super) mod machine;

use self::event::Frame;
use self::machine::Machine;
use crate::classify::Failure;
use crate::codec::Event;
use crate::codec::json::text;
use crate::codec::sse_decoder::Carried;
use crate::sse::Item;

/// What some servers that speak the protocol end a stream with.
const DONE: &str = "[DONE]";

/// The last event alone says that the answer is complete, and with it the stream ends: nothing can finish before.
impl Carried for Machine {
    fn item(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        if self.is_ended() {
            return;
        }
        match item {
            Item::Comment => self.heartbeat(out),
            Item::Event { name: "error", data } => self.provider_error(data, out),
            Item::Event { data, .. } if matches!(data.trim(), "" | DONE) => self.heartbeat(out),
            Item::Event { data, .. } => match serde_json::from_str::<Frame<'_>>(data) {
                Ok(frame) => take_frame(self, &frame, data, out),
                Err(error) => self.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
            },
        }
    }

    fn is_whole(data: &str) -> bool {
        serde_json::from_str::<Frame<'_>>(data).is_ok()
    }

    fn failed(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.fail(failure, out);
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
