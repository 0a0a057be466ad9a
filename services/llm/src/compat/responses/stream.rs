//! Writes an answer as the events of a response, and keeps its items: the last event repeats them.

mod parts;
mod writer;

use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::{FinishReason, GenerationError};
use chatmesh_proto::llm::v1::Finish;
use serde::Serialize;

use crate::codec::Event;
use crate::compat::sequence::Sequence;
use crate::compat::usage::ResponsesUsage;
use crate::compat::wire::{json, put};
use crate::compat::{Echo, Streamer, broken, errors};
use writer::Writer;

/// A stream that is being written.
#[derive(Debug)]
pub(in crate::compat) struct Stream {
    is_started: bool,
    is_ended: bool,
    sequence: Sequence,
    writer: Writer,
}

/// The answer as one document: what the last event of the stream would hold.
pub(in crate::compat) fn whole(echo: Echo, events: impl Iterator<Item = Event>) -> Result<Bytes, GenerationError> {
    let mut stream = Stream::new(echo);
    let mut unread = BytesMut::new();
    for event in events {
        match event {
            Event::Error(error) => return Err(error),
            Event::Finish(finish) => {
                stream.writer.release(&mut unread);
                let mut out = BytesMut::new();
                stream.writer.response(&Ending::of(&finish), &mut out);
                return Ok(out.freeze());
            }
            event => stream.push(event, &mut unread),
        }
        unread.clear();
    }
    Err(broken("the answer has no end"))
}

/// How a response stands.
struct Ending {
    status: &'static str,
    incomplete: Option<&'static str>,
    usage: Option<ResponsesUsage>,
    error: Option<Failed>,
}

#[derive(Serialize)]
struct Failed {
    code: &'static str,
    message: String,
}

impl Ending {
    fn of(finish: &Finish) -> Self {
        let incomplete = match finish.reason() {
            FinishReason::Length => Some("max_output_tokens"),
            FinishReason::ContentFilter => Some("content_filter"),
            _ => None,
        };
        let status = if incomplete.is_some() { "incomplete" } else { "completed" };
        Self { status, incomplete, usage: finish.usage.as_ref().map(ResponsesUsage::of), error: None }
    }

    fn failed(error: &GenerationError) -> Self {
        let error = Failed { code: errors::responses_code(error), message: errors::sentence(error) };
        Self { status: "failed", incomplete: None, usage: None, error: Some(error) }
    }

    fn begun() -> Self {
        Self { status: "in_progress", incomplete: None, usage: None, error: None }
    }
}

impl Stream {
    pub(in crate::compat) fn new(echo: Echo) -> Self {
        Self { is_started: false, is_ended: false, sequence: Sequence::default(), writer: Writer::new(echo) }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.is_started, true) {
            for kind in ["response.created", "response.in_progress"] {
                self.writer.lifecycle(kind, &Ending::begun(), out);
            }
        }
    }

    fn fail(&mut self, error: &GenerationError, out: &mut BytesMut) {
        if self.is_started {
            return self.writer.lifecycle("response.failed", &Ending::failed(error), out);
        }
        self.writer.head("error", out);
        put(out, ",\"code\":");
        json(out, errors::responses_code(error));
        put(out, ",\"message\":");
        json(out, &errors::sentence(error));
        put(out, ",\"param\":null}\n\n");
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
                self.writer.release(out);
                let ending = Ending::of(&finish);
                let kind = if ending.incomplete.is_some() { "response.incomplete" } else { "response.completed" };
                self.writer.lifecycle(kind, &ending, out);
            }
            Event::Error(error) => {
                self.is_ended = true;
                self.fail(&error, out);
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
