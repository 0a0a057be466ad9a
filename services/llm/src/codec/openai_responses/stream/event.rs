//! The wire format of a stream's events and of the answer in them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::json::{Text, count, string_of};

/// What an event may hold. Which fields count, its type says.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(default, deserialize_with = "count")]
    output_index: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    content_index: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    summary_index: Option<u32>,
    #[serde(borrow, default)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) part: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl<'a> Frame<'a> {
    pub(super) fn output_index(&self) -> u32 {
        self.output_index.unwrap_or(0)
    }

    pub(super) fn content_index(&self) -> u32 {
        self.content_index.unwrap_or(0)
    }

    pub(super) fn summary_index(&self) -> u32 {
        self.summary_index.unwrap_or(0)
    }

    /// What all pieces were together, at their end; empty where it is not said.
    pub(super) fn whole(&self) -> Cow<'a, str> {
        let whole = self.text.or(self.refusal).or(self.arguments);
        whole.and_then(string_of).unwrap_or_default()
    }

    /// The piece; empty where there is none.
    pub(super) fn delta(&self) -> Cow<'a, str> {
        self.delta.and_then(string_of).unwrap_or_default()
    }
}

/// An answer, as it stands in the events of its start and of its end and as a document.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) store: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) output: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
}

impl<'a> Response<'a> {
    /// What cut the answer; empty where nothing did.
    pub(super) fn cut_for(&self) -> Cow<'a, str> {
        #[derive(Deserialize)]
        struct Details<'a> {
            #[serde(borrow)]
            reason: Text<'a>,
        }
        let details = self.incomplete_details.and_then(|raw| serde_json::from_str::<Details<'_>>(raw.get()).ok());
        details.map(|details| details.reason.0).unwrap_or_default()
    }
}

/// An item of the answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputItem<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) call_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) summary: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) action: Option<&'a RawValue>,
}

/// A piece of a message, of a summary or of a thought.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ContentPart<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
}

/// A citation of an address.
#[derive(Deserialize)]
pub(super) struct Citation<'a> {
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) title: Option<Text<'a>>,
}

pub(super) fn content_part<'a>(raw: &'a RawValue) -> ContentPart<'a> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The texts of a list of pieces.
pub(super) fn texts<'a>(list: Option<&[&'a RawValue]>) -> Vec<Cow<'a, str>> {
    list.unwrap_or_default().iter().filter_map(|raw| content_part(raw).text.map(|text| text.0)).collect()
}
