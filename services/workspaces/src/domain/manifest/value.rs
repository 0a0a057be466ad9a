//! Values as they are written in a manifest.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

/// A value of a parameter: text, a number, `true` or `false`, or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WrittenValue {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

impl From<&str> for WrittenValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

// By hand, because what is derived for alternatives does not say what was expected.
impl<'de> Deserialize<'de> for WrittenValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = WrittenValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, or a list of texts")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<WrittenValue, E> {
        Ok(WrittenValue::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<WrittenValue, E> {
        Ok(WrittenValue::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<WrittenValue, E> {
        Ok(WrittenValue::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<WrittenValue, E> {
        Number::from_f64(value).map(WrittenValue::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<WrittenValue, E> {
        Ok(WrittenValue::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<WrittenValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(WrittenValue::List(list))
    }
}
