//! One value, read by the type of its parameter.

use std::fmt::{self, Display};

use crate::domain::{ParameterType, WrittenValue};

/// The longest value, in bytes.
const MAX_VALUE: usize = 8 * 1024;
/// The most items of a list.
const MAX_ITEMS: usize = 64;
/// The highest number, and up to its sign the lowest: all whole ones in between are exact.
const MAX_NUMBER: f64 = 9_007_199_254_740_991.0;
/// How much of a value an error repeats, in characters.
const SHOWN: usize = 40;

/// A value. It prints as what builds are given: each value has one text only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ParameterValue {
    Text(String),
    Number(f64),
    Bool(bool),
    List(Vec<String>),
}

/// Why something is no value of its type.
type Problem = String;

impl ParameterValue {
    /// Reads what a client gave, or what an earlier build had.
    pub(crate) fn parse(kind: ParameterType, text: &str) -> Result<Self, Problem> {
        if text.len() > MAX_VALUE || text.contains('\0') {
            return Err(format!("must have {MAX_VALUE} bytes at most, and none that is NUL"));
        }
        match kind {
            ParameterType::Text => Ok(Self::Text(text.to_owned())),
            ParameterType::Number => number(text).map(Self::Number).ok_or_else(|| not_a_number(text)),
            ParameterType::Bool => match text {
                "true" => Ok(Self::Bool(true)),
                "false" => Ok(Self::Bool(false)),
                _ => Err(format!("must be `true` or `false`, not {}", quoted(text))),
            },
            ParameterType::List => match serde_json::from_str(text) {
                Ok(items) => list(items),
                Err(_) => Err(format!("must be a JSON list of texts, like `[\"a\", \"b\"]`, not {}", quoted(text))),
            },
        }
    }

    /// Reads what stands in a manifest.
    pub(crate) fn read(kind: ParameterType, written: &WrittenValue) -> Result<Self, Problem> {
        match (kind, written) {
            (_, WrittenValue::Text(text)) => Self::parse(kind, text),
            (ParameterType::Bool, WrittenValue::Bool(flag)) => Ok(Self::Bool(*flag)),
            (ParameterType::Number, WrittenValue::Number(given)) => {
                let found = given.as_f64().and_then(in_range).map(Self::Number);
                found.ok_or_else(|| not_a_number(&given.to_string()))
            }
            (ParameterType::List, WrittenValue::List(items)) => list(items.clone()),
            // A version like 1.20 would have become 1.2 before anybody saw it.
            (ParameterType::Text, _) => Err("must be text: put it in quotes".to_owned()),
            (ParameterType::Bool, _) => Err("must be true or false".to_owned()),
            (ParameterType::Number, _) => Err("must be a number".to_owned()),
            (ParameterType::List, _) => Err("must be a list of texts".to_owned()),
        }
    }
}

impl Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => Display::fmt(number, f),
            Self::Bool(flag) => Display::fmt(flag, f),
            Self::List(items) => write!(f, "{}", serde_json::Value::from(items.as_slice())),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).and_then(in_range)
}

/// The number where it is one that counts. -0 becomes 0.
fn in_range(number: f64) -> Option<f64> {
    (number.abs() <= MAX_NUMBER).then_some(number + 0.0)
}

fn not_a_number(text: &str) -> Problem {
    format!("must be a number like `2` or `0.5`, {MAX_NUMBER} at most, not {}", quoted(text))
}

fn list(items: Vec<String>) -> Result<ParameterValue, Problem> {
    if items.len() > MAX_ITEMS || items.iter().map(String::len).sum::<usize>() > MAX_VALUE {
        return Err(format!("must have {MAX_ITEMS} items and {MAX_VALUE} bytes at most"));
    }
    if items.iter().any(|item| item.contains('\0')) {
        return Err("must not contain NUL".to_owned());
    }
    Ok(ParameterValue::List(items))
}

/// The beginning of a text, for an error.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_value_has_one_text() {
        use ParameterType::{Bool, List, Number, Text};
        for (kind, text, expected) in [
            (Text, " as it is ", Some(" as it is ")),
            (Text, "", Some("")),
            (Text, "a\0b", None),
            (Number, "2", Some("2")),
            (Number, "2.0", Some("2")),
            (Number, "-0", Some("0")),
            (Number, "-0.50", Some("-0.5")),
            (Number, "9007199254740991", Some("9007199254740991")),
            (Number, "9007199254740993", None),
            (Number, "", None),
            (Number, "1e3", None),
            (Number, "+1", None),
            (Number, "01", None),
            (Number, "1.", None),
            (Number, ".5", None),
            (Number, "NaN", None),
            (Number, "inf", None),
            (Number, " 1", None),
            (Bool, "true", Some("true")),
            (Bool, "True", None),
            (Bool, "1", None),
            (List, "[ \"a\", \"b\" ]", Some("[\"a\",\"b\"]")),
            (List, "[]", Some("[]")),
            (List, "a,b", None),
            (List, "[1]", None),
            (List, "", None),
        ] {
            let found = ParameterValue::parse(kind, text).map(|value| value.to_string());
            assert_eq!(found.as_deref().ok(), expected, "{kind} {text:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_and_not_repeated_in_full() {
        let long = "x".repeat(MAX_VALUE + 1);
        for kind in [ParameterType::Text, ParameterType::Number, ParameterType::Bool, ParameterType::List] {
            let problem = ParameterValue::parse(kind, &long).expect_err("refused");
            assert!(problem.len() < 200, "{problem}");
        }
        let many = serde_json::to_string(&vec!["x"; MAX_ITEMS + 1]).expect("JSON");
        assert!(ParameterValue::parse(ParameterType::List, &many).is_err());
        assert_eq!(quoted("a\nb"), "`a b`");
        assert_eq!(quoted(&"ä".repeat(41)), format!("`{}…`", "ä".repeat(40)));
    }

    proptest! {
        #[test]
        fn what_a_value_prints_is_the_value(number in -1e15..1e15_f64, text in ".{0,20}", items in prop::collection::vec(".{0,9}", 0..4)) {
            for (kind, value) in [
                (ParameterType::Number, ParameterValue::Number(number)),
                (ParameterType::Text, ParameterValue::Text(text.replace('\0', ""))),
                (ParameterType::List, ParameterValue::List(items.iter().map(|item| item.replace('\0', "")).collect())),
            ] {
                prop_assert_eq!(ParameterValue::parse(kind, &value.to_string()), Ok(value));
            }
        }
    }
}
