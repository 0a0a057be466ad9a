//! YAML, of which manifests need little: one document, no aliases, no tags.
//!
//! Without aliases nothing that a text says can grow in memory, and without tags nothing means what it does not look
//! like. Of the words that are no text, only those of YAML 1.2 count: `no` is a text.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, SyntaxError};

/// A list or a mapping that is not complete.
enum Open {
    List(Vec<Value>),
    Mapping { fields: Map<String, Value>, key: Option<String> },
}

/// Reads YAML.
pub(super) fn read(text: &str) -> Result<Value, SyntaxError> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| at(error.marker().line(), error.marker().col(), error.info()))?;
        let refuse = |what: &str| Err(refusal(&span, what));
        let complete = match event {
            Event::Alias(_) => return refuse("aliases are not allowed: write it out"),
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return refuse("tags are not allowed: leave it out");
            }
            Event::DocumentStart(_) if root.is_some() => return refuse("there must be one document only"),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping { fields: Map::new(), key: None });
                None
            }
            Event::Scalar(text, style, ..) => match open.last_mut() {
                Some(Open::Mapping { fields, key: key @ None }) => {
                    if fields.contains_key(&*text) {
                        return refuse("the key stands here for the second time");
                    }
                    *key = Some(text.into_owned());
                    None
                }
                _ => Some(scalar(&text, style).map_err(|what| refusal(&span, what))?),
            },
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(close),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                None
            }
        };
        if open.len() > MAX_DEPTH {
            return refuse("it is nested too deep");
        }
        let Some(value) = complete else { continue };
        match open.last_mut() {
            None => root = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Mapping { fields, key }) => match key.take() {
                Some(key) => drop(fields.insert(key, value)),
                None => return refuse("a key must be a text"),
            },
        }
    }
    // What is empty is a manifest in which everything is left out.
    Ok(root.filter(|root| !root.is_null()).unwrap_or_else(|| Value::Object(Map::new())))
}

fn close(open: Open) -> Value {
    match open {
        Open::List(items) => Value::Array(items),
        Open::Mapping { fields, .. } => Value::Object(fields),
    }
}

/// What a word means: one in quotes, or of several lines, is text.
fn scalar(text: &str, style: ScalarStyle) -> Result<Value, &'static str> {
    if style != ScalarStyle::Plain {
        return Ok(Value::String(text.to_owned()));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let digits = text.trim_start_matches(['-', '+']);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit()) || digits.starts_with('.');
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => Ok(Value::Number(number.into())),
        (_, Ok(number)) if is_number => Number::from_f64(number).map(Value::Number).ok_or("a number must be finite"),
        _ if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") => Err("a number must be finite"),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn refusal(span: &Span, what: &str) -> SyntaxError {
    at(span.start.line(), span.start.col(), what)
}

fn at(line: usize, column: usize, what: &str) -> SyntaxError {
    SyntaxError { format: "YAML", line, column: column + 1, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn words_mean_what_they_look_like() {
        for (yaml, expected) in [
            ("", json!({})),
            ("# only a comment\n", json!({})),
            ("a: 1\nb: -2\nc: 0.5\nd: 1e3\n", json!({"a": 1, "b": -2, "c": 0.5, "d": 1000.0})),
            ("a: true\nb: False\nc: no\nd: on\n", json!({"a": true, "b": false, "c": "no", "d": "on"})),
            ("a: '1'\nb: \"true\"\nc: |\n  2\n", json!({"a": "1", "b": "true", "c": "2\n"})),
            ("a: ~\nb: null\nc:\nd: ''\n", json!({"a": null, "b": null, "c": null, "d": ""})),
            ("a: 1.2.3\nb: 5m\nc: infinity\nd: nan\n", json!({"a": "1.2.3", "b": "5m", "c": "infinity", "d": "nan"})),
            ("a: [x, {b: [1]}]\n", json!({"a": ["x", {"b": [1]}]})),
            ("- a: 1\n  b: 2\n- []\n- {}\n", json!([{"a": 1, "b": 2}, [], {}])),
            ("a:\n- b\n- c\n", json!({"a": ["b", "c"]})),
        ] {
            assert_eq!(read(yaml), Ok(expected), "{yaml}");
        }
    }

    #[test]
    fn what_manifests_do_not_need_is_refused_with_its_line() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        for (yaml, line, expected) in [
            ("a: &x 1\nb: *x\n", 2, "aliases are not allowed"),
            ("a: !!str 1\n", 1, "tags are not allowed"),
            ("a: !secret {}\n", 1, "tags are not allowed"),
            ("a: 1\n---\nb: 2\n", 2, "one document only"),
            ("a: 1\nb: 2\na: 3\n", 3, "for the second time"),
            ("[a, b]: 1\n", 1, "a key must be a text"),
            ("a: .inf\n", 1, "must be finite"),
            ("a: 1e999\n", 1, "must be finite"),
            (deep.as_str(), 1, "nested too deep"),
            ("a: b: c\n", 1, ""),
            ("a: [1\n", 2, ""),
        ] {
            let error = read(yaml).expect_err(yaml);
            assert!(error.line == line && error.what.contains(expected), "{yaml}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a: \\[\\]{}&*!|>'\"#\n0-9.]{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn json_is_yaml(text in "[ -~]{0,20}", number in any::<i32>(), flag in any::<bool>()) {
            let value = json!({"a": [&text, number, flag], "b": {"c": text}});
            prop_assert_eq!(read(&value.to_string()), Ok(value));
        }
    }
}
