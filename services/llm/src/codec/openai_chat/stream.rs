//! Reads the stream of an answer: from bytes to chunks, from chunks to the machine's steps.

mod calls;
mod chunk;
pub(super) mod details;
pub(super) mod machine;

use self::machine::Machine;
use crate::classify::Failure;
use crate::codec::Event;
use crate::codec::sse_decoder::Carried;
use crate::sse::Item;

/// What ends a stream in place of a chunk.
const DONE: &str = "[DONE]";

impl Carried for Machine {
    fn item(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        if self.is_ended() {
            return;
        }
        match item {
            Item::Comment => self.heartbeat(out),
            Item::Event { name: "error", data } => self.provider_error(data, out),
            Item::Event { data, .. } => match data.trim() {
                "" => self.heartbeat(out),
                DONE => self.end(out),
                data => self.chunk(data, out),
            },
        }
    }

    fn is_whole(data: &str) -> bool {
        data.trim() == DONE || chunk::parse(data).is_ok()
    }

    fn can_finish(&self) -> bool {
        self.has_finish()
    }

    fn failed(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.fail(failure, out);
    }

    fn broke(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        match self.has_finish() {
            true => self.end(out),
            false => self.fail(failure, out),
        }
    }

    fn ended(&mut self, is_torn: bool, out: &mut Vec<Event>) {
        // Calls that are whole do not make an answer whole that goes on in the middle of a chunk.
        if is_torn && !self.has_finish() {
            self.fail(&Failure::incomplete(), out);
        }
        self.end(out);
    }
}
