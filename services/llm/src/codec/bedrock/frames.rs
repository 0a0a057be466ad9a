//! Takes the frames of a stream apart and gives what they hold to the protocol that they carry.

use std::fmt;

use super::errors;
use crate::classify::Failure;
use crate::codec::{Decoder, Event};
use crate::event_stream::Parser;

/// A protocol whose events come in frames.
pub(in crate::codec) trait Carried: fmt::Debug + Send {
    /// Takes an event with its name.
    fn event(&mut self, name: &str, payload: &[u8], out: &mut Vec<Event>);

    /// True where everything that a finish needs was read.
    fn is_complete(&self) -> bool;

    /// The stream ended between two frames, or the answer is complete. Appends the terminal event.
    fn end(&mut self, out: &mut Vec<Event>);

    /// Appends the terminal event, an error.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>);
}

/// The decoder of one stream of frames.
#[derive(Debug)]
pub(in crate::codec) struct Frames<C> {
    parser: Parser,
    carried: C,
}

impl<C: Carried> Frames<C> {
    pub(in crate::codec) fn new(carried: C) -> Self {
        Self { parser: Parser::new(), carried }
    }
}

impl<C: Carried> Decoder for Frames<C> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> bool {
        let Self { parser, carried } = self;
        let mut is_alive = false;
        let result = parser.push(bytes, |frame| {
            is_alive = true;
            match errors::in_frame(&frame.headers, frame.payload) {
                Some(failure) => carried.fail(&failure, out),
                None => carried.event(frame.headers.text(":event-type"), frame.payload, out),
            }
        });
        if let Err(error) = result {
            carried.fail(&Failure::protocol(error.to_string()), out);
        }
        is_alive
    }

    fn is_complete(&self) -> bool {
        self.carried.is_complete()
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        match self.is_complete() || self.parser.is_between_frames() {
            true => self.carried.end(out),
            false => self.carried.fail(&Failure::incomplete(), out),
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        match self.is_complete() {
            true => self.carried.end(out),
            false => self.carried.fail(failure, out),
        }
    }
}
