//! Reads the stream of an answer: each event is a chunk, and nothing marks the last.

use super::machine::Machine;
use crate::classify::Failure;
use crate::codec::{Decoder, Event, ResponseContext};
use crate::sse::{Item, Parser};

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
            match item {
                Item::Comment => machine.heartbeat(out),
                Item::Event { data, .. } => machine.take(data, out),
            }
        });
        if let Err(error) = result {
            machine.fail(&Failure::protocol(error.to_string()), out);
        }
        is_alive
    }

    fn is_complete(&self) -> bool {
        self.machine.is_complete()
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        let Self { parser, machine } = self;
        parser.finish(|item| {
            // What was cut cannot be read; that the stream ended early is all there is to say.
            if let Item::Event { data, .. } = item
                && serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok()
            {
                machine.take(data, out);
            }
        });
        machine.end(&Failure::incomplete(), out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.machine.end(failure, out);
    }
}
