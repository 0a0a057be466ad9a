//! Takes a stream of Server-Sent Events apart and gives them to the protocol that they carry.

use std::fmt;

use super::{Decoder, Event};
use crate::classify::Failure;
use crate::sse::{Item, Parser};

/// A protocol whose answers are Server-Sent Events.
pub(super) trait Carried: fmt::Debug + Send {
    /// Takes an event or a comment.
    fn item(&mut self, item: Item<'_>, out: &mut Vec<Event>);

    /// True for the data of an event that can be read. Those of the last one may be cut.
    fn is_whole(data: &str) -> bool;

    /// True where everything that a finish needs was read, though the provider has not ended the stream yet.
    fn can_finish(&self) -> bool {
        false
    }

    /// What came is no answer. Appends the terminal event, an error.
    fn failed(&mut self, failure: &Failure, out: &mut Vec<Event>);

    /// The stream broke. Appends the terminal event, which is a finish where the answer is complete all the same.
    fn broke(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.failed(failure, out);
    }

    /// The stream ended, in the middle of an event where it is torn. Appends the terminal event.
    fn ended(&mut self, _is_torn: bool, out: &mut Vec<Event>) {
        self.broke(&Failure::incomplete(), out);
    }
}

/// The decoder of one stream of Server-Sent Events.
#[derive(Debug)]
pub(super) struct SseDecoder<C> {
    parser: Parser,
    carried: C,
}

impl<C: Carried> SseDecoder<C> {
    pub(super) fn new(carried: C) -> Self {
        Self { parser: Parser::new(), carried }
    }
}

impl<C: Carried> Decoder for SseDecoder<C> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> bool {
        let Self { parser, carried } = self;
        let mut is_alive = false;
        let result = parser.push(bytes, |item| {
            is_alive = true;
            carried.item(item, out);
        });
        if let Err(error) = result {
            carried.failed(&Failure::protocol(error.to_string()), out);
        }
        is_alive
    }

    fn is_complete(&self) -> bool {
        self.carried.can_finish()
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        let Self { parser, carried } = self;
        let mut is_torn = false;
        parser.finish(|item| {
            // What was cut cannot be read; that the stream ended early is all there is to say of it.
            if let Item::Event { data, .. } = item {
                match C::is_whole(data) {
                    true => carried.item(item, out),
                    false => is_torn = true,
                }
            }
        });
        carried.ended(is_torn, out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.carried.broke(failure, out);
    }
}
