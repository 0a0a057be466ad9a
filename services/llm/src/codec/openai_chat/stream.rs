//! Reads the stream of an answer: from bytes to chunks, from chunks to the machine's steps.

mod calls;
mod chunk;
pub(super) mod details;
pub(super) mod machine;

use self::machine::Machine;
use super::dialect::Dialect;
use crate::classify::Failure;
use crate::codec::{Decoder, Event, ResponseContext};
use crate::sse::{Item, Parser};

/// What ends a stream in place of a chunk.
const DONE: &str = "[DONE]";

/// The decoder of one stream.
#[derive(Debug)]
pub(super) struct StreamDecoder {
    parser: Parser,
    machine: Machine,
}

impl StreamDecoder {
    pub(super) fn new(dialect: &'static Dialect, context: ResponseContext) -> Self {
        Self { parser: Parser::new(), machine: Machine::new(dialect, context) }
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

    fn is_complete(&self) -> bool {
        self.machine.has_finish()
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        let Self { parser, machine } = self;
        let mut is_torn = false;
        parser.finish(|item| {
            // A last line may be cut; what cannot be read then is not an error of its own.
            if let Item::Event { data, .. } = item {
                match data.trim() == DONE || chunk::parse(data).is_ok() {
                    true => take_item(machine, item, out),
                    false => is_torn = true,
                }
            }
        });
        // Calls that are whole do not make an answer whole that goes on in the middle of a chunk.
        if is_torn && !machine.has_finish() {
            machine.fail(&Failure::incomplete(), out);
        }
        machine.end(out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        match self.is_complete() {
            true => self.machine.end(out),
            false => self.machine.fail(failure, out),
        }
    }
}

fn take_item(machine: &mut Machine, item: Item<'_>, out: &mut Vec<Event>) {
    if machine.is_ended() {
        return;
    }
    match item {
        Item::Comment => machine.heartbeat(out),
        Item::Event { name: "error", data } => machine.provider_error(data, out),
        Item::Event { data, .. } => match data.trim() {
            "" => machine.heartbeat(out),
            DONE => machine.end(out),
            data => machine.chunk(data, out),
        },
    }
}
