//! Reads the stream of an answer: each event is a chunk, and nothing marks the last.

use serde::de::IgnoredAny;

use super::machine::Machine;
use crate::classify::Failure;
use crate::codec::Event;
use crate::codec::sse_decoder::Carried;
use crate::sse::Item;

impl Carried for Machine {
    fn item(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        match item {
            Item::Comment => self.heartbeat(out),
            Item::Event { data, .. } => self.take(data, out),
        }
    }

    fn is_whole(data: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(data).is_ok()
    }

    fn can_finish(&self) -> bool {
        self.is_complete()
    }

    fn failed(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.fail(failure, out);
    }

    fn broke(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.end(failure, out);
    }
}
