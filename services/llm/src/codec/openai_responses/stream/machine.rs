//! The state of an answer: which items have begun, and how it ends.

use std::collections::BTreeMap;

use chatmesh_proto::common::v1::FinishReason;
use chatmesh_proto::llm::v1::Finish;
use serde_json::value::RawValue;

use super::event::{Frame, Response};
use super::item::{Item, Nature};
use crate::classify::Failure;
use crate::codec::assembly::Assembly;
use crate::codec::json::text;
use crate::codec::openai_responses::{errors, usage};
use crate::codec::{Event, ResponseContext, context_limit};

/// Where an answer stands.
#[derive(Debug)]
pub(in crate::codec::openai_responses) struct Machine {
    assembly: Assembly,
    /// By their place in the answer.
    items: BTreeMap<u32, Item>,
    has_calls: bool,
    has_refusal: bool,
}

impl Machine {
    pub(in crate::codec::openai_responses) fn new(context: ResponseContext) -> Self {
        Self { assembly: Assembly::new(context), items: BTreeMap::new(), has_calls: false, has_refusal: false }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.assembly.is_ended()
    }

    pub(super) fn heartbeat(&mut self, out: &mut Vec<Event>) {
        self.assembly.heartbeat(out);
    }

    pub(super) fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.assembly.fail(failure, out);
    }

    pub(super) fn provider_error(&mut self, data: &str, out: &mut Vec<Event>) {
        self.assembly.fail(&errors::in_stream(data), out);
    }

    /// Takes the whole answer.
    pub(in crate::codec::openai_responses) fn whole(&mut self, json: &str, out: &mut Vec<Event>) {
        match serde_json::from_str::<Response<'_>>(json) {
            Ok(response) if response.output.is_none() && response.error.is_some() => self.provider_error(json, out),
            Ok(response) if response.output.is_none() => {
                self.fail(&Failure::protocol("the answer has no output"), out);
            }
            Ok(_) => self.ended(json, out),
            Err(error) => self.fail(&Failure::protocol(format!("the answer cannot be read: {error}")), out),
        }
    }

    /// The provider accepted the call; `json` is the response object.
    pub(super) fn started(&mut self, json: &str, out: &mut Vec<Event>) {
        let response = serde_json::from_str::<Response<'_>>(json).unwrap_or_default();
        self.start(&response, out);
    }

    fn start(&mut self, response: &Response<'_>, out: &mut Vec<Event>) {
        // Organisations may have forbidden what the call asked for.
        if response.store.is_some_and(|store| store.get() == "false") {
            self.assembly.forget_kept();
        }
        self.assembly.start(text(&response.id), text(&response.model), out);
    }

    /// Begins an item. One that began at the same place is cut.
    pub(super) fn item_added(&mut self, index: u32, raw: &RawValue, out: &mut Vec<Event>) {
        let item = Item::begin(raw, &mut self.assembly, out);
        if let Some(earlier) = self.items.insert(index, item) {
            let nature = earlier.cut(&mut self.assembly, out);
            self.remember(nature);
        }
    }

    /// Takes a piece of an item.
    pub(super) fn piece(&mut self, kind: &str, frame: &Frame<'_>, out: &mut Vec<Event>) {
        let Self { items, assembly, .. } = self;
        let index = frame.output_index();
        if !items.contains_key(&index)
            && let Some(item) = Item::of_piece(kind, assembly, out)
        {
            items.insert(index, item);
        }
        if let Some(item) = items.get_mut(&index) {
            item.piece(kind, frame, assembly, out);
        }
    }

    /// Ends an item, which may not have begun.
    pub(super) fn item_done(&mut self, index: u32, raw: &RawValue, out: &mut Vec<Event>) {
        let item = match self.items.insert(index, Item::Done) {
            Some(item) => item,
            None => Item::begin(raw, &mut self.assembly, out),
        };
        let nature = item.end(raw, &mut self.assembly, out);
        self.remember(nature);
    }

    fn remember(&mut self, nature: Nature) {
        self.has_calls |= nature.is_call;
        self.has_refusal |= nature.is_refusal;
    }

    /// Ends the answer; `json` is the response object.
    pub(super) fn ended(&mut self, json: &str, out: &mut Vec<Event>) {
        let response = match serde_json::from_str::<Response<'_>>(json) {
            Ok(response) => response,
            Err(error) => return self.fail(&Failure::protocol(format!("the end cannot be read: {error}")), out),
        };
        self.start(&response, out);
        if let Some(failure) = failure_of(&response) {
            return self.fail(&failure, out);
        }
        self.end_items(response.output.as_deref().unwrap_or_default(), out);
        let stated = text(&response.status);
        let cut_for = response.cut_for();
        let raw_reason = if cut_for.is_empty() { stated } else { &cut_for };
        let finish = Finish {
            reason: self.reason(stated, &cut_for).into(),
            raw_reason: raw_reason.to_owned(),
            usage: response.usage.and_then(|raw| usage::parse(raw.get())),
            context_limit: [response.usage, response.metadata]
                .into_iter()
                .flatten()
                .map(|raw| context_limit::find(raw.get()))
                .max()
                .unwrap_or(0),
            ..Finish::default()
        };
        self.assembly.finish(finish, out);
    }

    /// Ends the items whose end was not seen. The answer holds all of them; where nothing else
    /// was seen, it is all there is.
    fn end_items(&mut self, output: &[&RawValue], out: &mut Vec<Event>) {
        if self.items.is_empty() {
            for (index, raw) in (0..).zip(output) {
                self.item_done(index, raw, out);
            }
            return;
        }
        for (index, item) in std::mem::take(&mut self.items) {
            let whole = usize::try_from(index).ok().and_then(|index| output.get(index));
            let nature = match (item, whole) {
                (Item::Done, _) => continue,
                (item, Some(raw)) => item.end(raw, &mut self.assembly, out),
                (item, None) => item.cut(&mut self.assembly, out),
            };
            self.remember(nature);
        }
    }

    fn reason(&self, stated: &str, cut_for: &str) -> FinishReason {
        match (stated, cut_for) {
            (_, "max_output_tokens" | "max_tokens") => FinishReason::Length,
            (_, "content_filter") => FinishReason::ContentFilter,
            ("completed" | "", "") if self.has_calls => FinishReason::ToolCalls,
            ("completed" | "", "") if self.has_refusal => FinishReason::ContentFilter,
            ("completed" | "", "") => FinishReason::Stop,
            _ => FinishReason::Other,
        }
    }
}

/// Why an answer is none.
fn failure_of(response: &Response<'_>) -> Option<Failure> {
    let error = response.error.filter(|error| error.get() != "null");
    if let Some(error) = error {
        return Some(errors::in_stream(&format!(r#"{{"error":{}}}"#, error.get())));
    }
    match text(&response.status) {
        status @ ("failed" | "cancelled") => {
            Some(Failure::protocol(format!("the provider ended the answer as {status}")))
        }
        _ => None,
    }
}
