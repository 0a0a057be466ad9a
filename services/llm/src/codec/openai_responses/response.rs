//! Reads an answer that came as one document, by the same steps as a stream.

use super::stream::machine::Machine;
use crate::codec::{Event, ResponseContext};

/// Appends the events of a whole answer.
pub(super) fn decode(context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
    let mut machine = Machine::new(context);
    machine.whole(&String::from_utf8_lossy(body), out);
}
