//! Reasoning: a summary in sections, or the thoughts themselves, and always the whole item, which
//! returns to the provider.

use serde_json::value::RawValue;

use super::super::event::{Frame, OutputItem, texts};
use crate::codec::Event;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::metadata::metadata;
use crate::codec::openai_responses::{NAMESPACE, REASONING};

/// What stands between the sections of a summary.
const BETWEEN_SECTIONS: &str = "\n\n";

#[derive(Debug)]
pub(in crate::codec::openai_responses) struct Reasoning {
    part: OpenPart,
    section: Option<u32>,
}

impl Reasoning {
    pub(super) fn begin(assembly: &mut Assembly, out: &mut Vec<Event>) -> Self {
        Self { part: assembly.open(Kind::Reasoning { redacted: false }, out), section: None }
    }

    pub(super) fn piece(&mut self, kind: &str, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let section = match kind {
            "response.reasoning_summary_text.delta" | "response.reasoning_summary_text.done" => frame.summary_index(),
            "response.reasoning_text.delta" | "response.reasoning_text.done" => frame.content_index(),
            _ => return,
        };
        // A section that came in pieces is known when its end repeats it.
        let is_known = self.section == Some(section);
        let is_other = self.section.replace(section).is_some_and(|before| before != section);
        if is_other {
            self.part.append(BETWEEN_SECTIONS, out);
        }
        self.part.append(&frame.delta(), out);
        if !is_known {
            self.part.append(&frame.whole(), out);
        }
    }

    pub(super) fn end(mut self, item: &OutputItem<'_>, raw: &RawValue, out: &mut Vec<Event>) {
        let summary = texts(item.summary.as_deref());
        let sections = if summary.is_empty() { texts(item.content.as_deref()) } else { summary };
        // Where the item says nothing, what was streamed stands.
        if !sections.is_empty() {
            self.part.settle(&sections.join(BETWEEN_SECTIONS), out);
        }
        if self.part.text().is_empty() {
            self.part.redact();
        }
        self.part.metadata.push(metadata(NAMESPACE, REASONING, raw.get().to_owned()));
        self.part.close(out);
    }

    pub(super) fn cut(self, out: &mut Vec<Event>) {
        self.part.close(out);
    }
}
