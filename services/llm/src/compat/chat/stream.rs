//! Writes an answer as chunks.

mod writer;

use bytes::BytesMut;
use chatmesh_proto::common::v1::Source;
use serde::Serialize;

use crate::codec::Event;
use crate::compat::carried::Carried;
use crate::compat::search::UrlCitation;
use crate::compat::sequence::Sequence;
use crate::compat::wire::{json_text, put};
use crate::compat::{Echo, Streamer, errors};
use writer::Writer;

/// A stream that is being written. Clients take a call as complete when the next one begins, so
/// that the pieces of calls are not mixed.
#[derive(Debug)]
pub(in crate::compat) struct Stream {
    is_started: bool,
    is_ended: bool,
    sequence: Sequence,
    writer: Writer,
}

/// What was written last, to tell texts that stand apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Last {
    #[default]
    Nothing,
    Text,
    Thought,
    Other,
}

/// What was written so far that clients give back: where carried data belong, and whether
/// anything of the model's reasoning is among them.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) after: String,
    pub(super) has_reasoned: bool,
}

#[derive(Serialize)]
pub(super) struct Annotation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    r#type: &'static str,
    url_citation: UrlCitation<'a>,
}

impl<'a> Annotation<'a> {
    pub(super) fn new(source: &'a Source, length: usize, index: Option<usize>) -> Self {
        Self { index, r#type: "url_citation", url_citation: UrlCitation::new(source, length) }
    }
}

impl Stream {
    pub(in crate::compat) fn new(echo: &Echo) -> Self {
        let writer = Writer::new(echo);
        Self { is_started: false, is_ended: false, sequence: Sequence::default(), writer }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.is_started, true) {
            self.writer.start(out);
        }
    }
}

impl Streamer for Stream {
    fn push(&mut self, event: Event, out: &mut BytesMut) {
        if self.is_ended {
            return;
        }
        match event {
            Event::ResponseStarted(_) => self.start(out),
            Event::PartStarted(started) => {
                self.start(out);
                self.sequence.start(started, &mut self.writer, out);
            }
            Event::PartDelta(delta) => self.sequence.piece(&delta, &mut self.writer, out),
            Event::PartFinished(finished) => self.sequence.finish(finished, &mut self.writer, out),
            Event::Finish(finish) => {
                self.is_ended = true;
                self.start(out);
                self.writer.finish(&finish, out);
            }
            Event::Error(error) => {
                self.is_ended = true;
                put(out, "data: ");
                put(out, &errors::openai_json(&error));
                put(out, "\n\n");
            }
            Event::Warning(_) | Event::Heartbeat(_) => {}
        }
    }

    fn alive(&mut self, out: &mut BytesMut) {
        if !self.is_ended {
            put(out, ": still working\n\n");
        }
    }
}

/// The text of an entry of `reasoning_details` that only we can read.
pub(super) fn entry(carried: &Carried, index: usize) -> String {
    #[derive(Serialize)]
    struct Entry<'a> {
        r#type: &'static str,
        data: &'a str,
        format: &'static str,
        index: usize,
    }
    let data = carried.seal();
    json_text(&Entry { r#type: "reasoning.encrypted", data: &data, format: super::FORMAT, index })
}
