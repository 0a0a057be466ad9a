//! A call of a tool of ours.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::event::{Frame, OutputItem};
use crate::codec::Event;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::history::ORIGINAL_CALL_ID;
use crate::codec::json::{is_object, string_of, text};
use crate::codec::metadata::metadata_of;
use crate::codec::openai_responses::{FUNCTION_CALL, NAMESPACE};
use crate::codec::warnings::{INVALID_ARGS, ODD_STREAM, TRUNCATED_CALL};

#[derive(Debug)]
pub(in crate::codec::openai_responses) struct Call {
    part: OpenPart,
    /// The end of the arguments was seen.
    is_whole: bool,
}

impl Call {
    pub(super) fn begin(item: &OutputItem<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) -> Self {
        let raw_id = text(&item.call_id);
        let (id, is_changed) = assembly.call_id(raw_id);
        let kind = Kind::Call { id, name: text(&item.name).to_owned(), provider_executed: false };
        let mut part = assembly.open(kind, out);
        if is_changed {
            part.metadata.push(metadata_of(NAMESPACE, ORIGINAL_CALL_ID, &raw_id));
        }
        Self { part, is_whole: false }
    }

    pub(super) fn piece(&mut self, kind: &str, frame: &Frame<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) {
        match kind {
            "response.function_call_arguments.delta" => self.part.append(&frame.delta(), out),
            "response.function_call_arguments.done" => {
                self.settle(&frame.whole(), assembly, out);
                self.is_whole = true;
            }
            _ => {}
        }
    }

    /// Takes the arguments as a whole, where they are said.
    fn settle(&mut self, args: &str, assembly: &mut Assembly, out: &mut Vec<Event>) {
        if !args.is_empty() && !self.part.settle(args, out) {
            assembly.warn(ODD_STREAM, "the pieces of a call's arguments were not its arguments", out);
        }
    }

    pub(super) fn end(mut self, item: &OutputItem<'_>, raw: &RawValue, assembly: &mut Assembly, out: &mut Vec<Event>) {
        self.settle(&item.arguments.and_then(string_of).unwrap_or_default(), assembly, out);
        let is_cut = text(&item.status) == "incomplete";
        let is_usable = is_object(self.part.text()) || (self.part.text().trim().is_empty() && !is_cut);
        if !is_usable {
            let code = if is_cut { TRUNCATED_CALL } else { INVALID_ARGS };
            assembly.warn(code, "the arguments of a call are not a JSON object", out);
        }
        let more = uncommon_fields(raw);
        if !more.is_empty() {
            self.part.metadata.push(metadata_of(NAMESPACE, FUNCTION_CALL, &more));
        }
        self.part.close_call(out);
    }

    pub(super) fn cut(self, assembly: &mut Assembly, out: &mut Vec<Event>) {
        if self.is_whole && is_object(self.part.text()) {
            return self.part.close(out);
        }
        assembly.warn(TRUNCATED_CALL, "the answer ended in the arguments of a call", out);
        self.part.close(out);
    }
}

/// What an item says beside the fields that the contract has.
fn uncommon_fields(raw: &RawValue) -> Map<String, Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    fields.retain(|key, value| !matches!(key.as_str(), "type" | "call_id" | "name" | "arguments") && !value.is_null());
    fields
}
