//! The few things that must be known of a body that is passed on, and changed in it, without
//! reading the rest.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What a request says of itself, whatever its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The model, as the client calls it.
    pub(super) model: String,
    /// Whether it wants a stream.
    pub(super) stream: bool,
    /// Where the value of `model` stands in the body, quotes included.
    model_at: Range<usize>,
    /// Whether the usage comes with a stream of Chat Completions.
    pub(super) includes_usage: bool,
    /// Where the value of `stream_options` stands, where there is one.
    stream_options_at: Option<Range<usize>>,
    /// The longest answer that the client wants, in tokens.
    pub(super) max_output_tokens: Option<u32>,
    /// It names further models, of which a provider that passes calls on itself may choose one.
    pub(super) names_other_models: bool,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "raw")]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(default)]
    models: Option<IgnoredAny>,
    #[serde(default)]
    route: Option<IgnoredAny>,
    #[serde(default, rename = "providerOptions")]
    provider_options: Option<IgnoredAny>,
}

/// A value as it stands, also where it is null: there must not be a second one beside it.
fn raw<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Asks Chat Completions for the usage of a stream.
const INCLUDE_USAGE: &[u8] = br#"{"include_usage":true}"#;

impl Head {
    /// Reads the head of a body; `None` where it is not an object with a model.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let fields: Fields<'_> = serde_json::from_str(text).ok()?;
        let model: Cow<'_, str> = serde_json::from_str(fields.model.get()).ok()?;
        let options = fields.stream_options.and_then(|raw| serde_json::from_str::<StreamOptions>(raw.get()).ok());
        let limit = fields.max_completion_tokens.or(fields.max_output_tokens).or(fields.max_tokens);
        Some(Self {
            model: model.into_owned(),
            stream: fields.stream.unwrap_or_default(),
            model_at: range_of(text, fields.model),
            includes_usage: options.and_then(|options| options.include_usage).unwrap_or_default(),
            stream_options_at: fields.stream_options.map(|raw| range_of(text, raw)),
            max_output_tokens: limit.and_then(|raw| serde_json::from_str(raw.get()).ok()),
            names_other_models: fields.models.is_some() || fields.route.is_some() || fields.provider_options.is_some(),
        })
    }

    /// The body with the provider's word for the model in it, and asking for the usage of a stream
    /// where `wants_usage`. A body in which nothing changes is not copied.
    pub(super) fn rewrite(&self, body: &Bytes, model: &str, wants_usage: bool) -> Bytes {
        let adds_usage = wants_usage && self.stream && !self.includes_usage;
        if model == self.model && !adds_usage {
            return body.clone();
        }
        let mut edits: Vec<(Range<usize>, Vec<u8>)> = Vec::with_capacity(2);
        edits.push((self.model_at.clone(), serde_json::to_vec(model).unwrap_or_default()));
        if adds_usage {
            match &self.stream_options_at {
                // Whatever else the options say is of no consequence: they have no other fields
                // that change what a client reads.
                Some(at) => edits.push((at.clone(), INCLUDE_USAGE.to_vec())),
                None => {
                    let field = [b",\"stream_options\":".as_slice(), INCLUDE_USAGE].concat();
                    edits.push((self.model_at.end..self.model_at.end, field));
                }
            }
        }
        edits.sort_by_key(|(at, _)| at.start);
        let mut out = BytesMut::with_capacity(body.len() + 128);
        let mut from = 0;
        for (at, text) in edits {
            out.put_slice(&body[from..at.start]);
            out.put_slice(&text);
            from = at.end;
        }
        out.put_slice(&body[from..]);
        out.freeze()
    }
}

/// Where a value that was borrowed from `text` stands in it.
fn range_of(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + value.get().len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rewritten(body: &str, model: &str, wants_usage: bool) -> String {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let head = Head::read(&bytes).expect("a head");
        String::from_utf8(head.rewrite(&bytes, model, wants_usage).to_vec()).expect("text")
    }

    #[test]
    fn only_the_model_changes() {
        let body = r#"{ "messages":[{"model":"inner"}], "model" : "a\u0062", "x": 1.10 }"#;
        assert_eq!(Head::read(body.as_bytes()).expect("a head").model, "ab");
        assert_eq!(
            rewritten(body, "gpt\"5", false),
            r#"{ "messages":[{"model":"inner"}], "model" : "gpt\"5", "x": 1.10 }"#
        );
    }

    #[test]
    fn a_body_that_stays_as_it_is_is_not_copied() {
        let bytes = Bytes::from_static(br#"{"model":"m"}"#);
        let head = Head::read(&bytes).expect("a head");
        assert_eq!(head.rewrite(&bytes, "m", true).as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn the_usage_of_a_stream_is_asked_for() {
        for (body, expected) in [
            (
                r#"{"model":"m","stream":true}"#,
                json!({"model": "p", "stream": true, "stream_options": {"include_usage": true}}),
            ),
            (
                r#"{"stream_options":{"include_usage":false},"model":"m","stream":true}"#,
                json!({"model": "p", "stream": true, "stream_options": {"include_usage": true}}),
            ),
            (
                r#"{"stream_options":{"include_usage":true,"x":1},"model":"m","stream":true}"#,
                json!({"model": "p", "stream": true, "stream_options": {"include_usage": true, "x": 1}}),
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":null}"#,
                json!({"model": "p", "stream": true, "stream_options": {"include_usage": true}}),
            ),
            (r#"{"model":"m"}"#, json!({"model": "p"})),
        ] {
            let value: Value = serde_json::from_str(&rewritten(body, "p", true)).expect("JSON");
            assert_eq!(value, expected, "{body}");
            assert_eq!(
                rewritten(body, "p", true).matches("stream_options").count(),
                usize::from(body.contains("stream"))
            );
        }
    }

    #[test]
    fn the_longest_answer_and_other_models_are_known() {
        let head = |body: &str| Head::read(body.as_bytes()).expect("a head");
        assert_eq!(head(r#"{"model":"m","max_completion_tokens":7}"#).max_output_tokens, Some(7));
        assert_eq!(head(r#"{"model":"m","max_tokens":"many"}"#).max_output_tokens, None);
        assert_eq!(head(r#"{"model":"m","max_tokens":9,"max_completion_tokens":7}"#).max_output_tokens, Some(7));
        assert!(head(r#"{"model":"m","models":["other"]}"#).names_other_models);
        assert!(!head(r#"{"model":"m","models":null}"#).names_other_models);
    }

    #[test]
    fn what_is_no_request_has_no_head() {
        for body in
            ["", "[]", "{}", r#"{"model":1}"#, r#"{"model":"m""#, r#"{"model":"m","stream":"yes"}"#, "\u{feff}{}"]
        {
            assert_eq!(Head::read(body.as_bytes()), None, "{body}");
        }
    }
}
