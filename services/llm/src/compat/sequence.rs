//! One part after the other. Providers mix the pieces of calls that they make together; protocols
//! whose blocks follow each other get them in order.

use std::collections::VecDeque;

use bytes::BytesMut;
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::llm::v1::{PartDelta, PartFinished, PartStarted};

/// Writes parts, of which one at a time is open.
pub(super) trait Blocks {
    /// A part begins; its texts are empty.
    fn begin(&mut self, part: &Part, out: &mut BytesMut);
    /// A piece of it.
    fn piece(&mut self, text: &str, out: &mut BytesMut);
    /// It is complete.
    fn end(&mut self, part: Part, out: &mut BytesMut);
}

/// Holds parts back until those before them are complete.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The first one is open.
    parts: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    index: u32,
    part: Part,
    /// What came while another part was open.
    text: String,
    whole: Option<Part>,
}

impl Sequence {
    pub(super) fn start(&mut self, started: PartStarted, blocks: &mut impl Blocks, out: &mut BytesMut) {
        let part = started.part.unwrap_or_default();
        if self.parts.is_empty() {
            blocks.begin(&part, out);
        }
        self.parts.push_back(Waiting { index: started.index, part, text: String::new(), whole: None });
    }

    pub(super) fn piece(&mut self, delta: &PartDelta, blocks: &mut impl Blocks, out: &mut BytesMut) {
        match self.parts.front() {
            Some(open) if open.index == delta.index => blocks.piece(&delta.text, out),
            _ => {
                if let Some(waiting) = self.find(delta.index) {
                    waiting.text.push_str(&delta.text);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, finished: PartFinished, blocks: &mut impl Blocks, out: &mut BytesMut) {
        if let Some(waiting) = self.find(finished.index) {
            waiting.whole = Some(finished.part.unwrap_or_default());
        }
        while let Some(open) = self.parts.front_mut() {
            let Some(whole) = open.whole.take() else { return };
            blocks.end(whole, out);
            self.parts.pop_front();
            if let Some(next) = self.parts.front_mut() {
                blocks.begin(&next.part, out);
                if !next.text.is_empty() {
                    blocks.piece(&std::mem::take(&mut next.text), out);
                }
            }
        }
    }

    fn find(&mut self, index: u32) -> Option<&mut Waiting> {
        self.parts.iter_mut().find(|waiting| waiting.index == index)
    }
}
