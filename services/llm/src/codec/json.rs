//! Lenient pieces for reading what providers send. One odd field must not cost the answer.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A string that is borrowed where it has no escapes.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The text of an optional field; empty where it is missing.
pub(super) fn text<'a>(field: &'a Option<Text<'_>>) -> &'a str {
    field.as_ref().map_or("", |text| &text.0)
}

/// Reads a raw value as a string; `None` where it is something else.
pub(super) fn string_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

/// Whether a text is a JSON object.
pub(super) fn is_object(text: &str) -> bool {
    object_of(text).is_some()
}

/// A text as the JSON object that it is; `None` where it is none.
pub(super) fn object_of(text: &str) -> Option<&RawValue> {
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// `{}`
pub(super) fn empty_object() -> Cow<'static, RawValue> {
    serde_json::from_str("{}").map_or(Cow::Borrowed(RawValue::NULL), Cow::Borrowed)
}

/// A field that is read where it is what it should be; anything else counts as missing.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// A count that may be null, negative, fractional or not a number at all, which is then unknown.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    deserializer.deserialize_any(CountVisitor)
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Option<u32>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a count")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(u32::try_from(value).unwrap_or(u32::MAX)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u32::try_from(value).ok())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // The cast saturates at both ends and is exact for the counts that occur.
        Ok((value >= 0.0).then_some(value as u32))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Counted {
        #[serde(default, deserialize_with = "count")]
        n: Option<u32>,
    }

    #[test]
    fn a_count_is_a_number_or_unknown() {
        let cases = [
            (r#"{"n":7}"#, Some(7)),
            (r#"{"n":0}"#, Some(0)),
            (r#"{"n":12.0}"#, Some(12)),
            (r#"{"n":99999999999}"#, Some(u32::MAX)),
            (r#"{"n":-1}"#, None),
            (r#"{"n":-0.5}"#, None),
            (r#"{"n":null}"#, None),
            (r#"{"n":"7"}"#, None),
            (r#"{"n":[1,{"a":2}]}"#, None),
            (r#"{"n":{"a":[2]}}"#, None),
            (r#"{"n":true}"#, None),
            ("{}", None),
        ];
        for (json, expected) in cases {
            assert_eq!(serde_json::from_str::<Counted>(json).unwrap().n, expected, "{json}");
        }
    }
}
