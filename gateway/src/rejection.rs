//! Requests that do not decode: what the decoder says, in words that help whoever sent them.
//!
//! The decoder knows what it expected and, in a body, the position; it does not name the field.
//! [`explain`] finds the field at the position and says what belongs there.

mod position;

use position::{Position, field_at};

/// The longest query that an explanation repeats, in characters.
const SHOWN_QUERY: usize = 200;

/// Why a request was refused before any service saw it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The whole explanation.
    pub(crate) message: String,
    /// The field that it is about and what is wrong with it, where it is about one.
    pub(crate) violation: Option<(String, String)>,
}

/// Explains what the decoder `said` about a request. What it did not say is left as it is.
pub(crate) fn explain(said: &str, query: Option<&str>, body: &[u8]) -> Rejection {
    let (summary, detail) = said.split_once(": ").unwrap_or(("", said));
    let (detail, position) = Position::split(detail);
    match summary {
        "invalid request body JSON" => {
            return general(format!("the body is not valid JSON: {detail}{}", at(position)));
        }
        "request did not match the expected message" | "invalid request structure" => {}
        _ => return general(said.to_owned()),
    }
    if detail.contains("percent encoding") {
        return general(format!("the address is not valid: {detail}"));
    }
    if let Some((value, why)) =
        detail.strip_prefix("path variable value \"").and_then(|rest| rest.split_once("\" did not parse: "))
    {
        return general(format!("invalid request: `{value}` in the path {}", describe(why)));
    }
    let description = describe(detail);
    match (position, query.filter(|query| !query.is_empty())) {
        (Some(found), _) => match field_at(body, found) {
            Some(field) => Rejection {
                message: format!("invalid request: `{field}` {description}{}", at(position)),
                violation: Some((field, description)),
            },
            None => general(format!("invalid request: the body {description}{}", at(position))),
        },
        (None, Some(query)) => {
            let shown: String = query.chars().take(SHOWN_QUERY).collect();
            general(format!("invalid request: a parameter of the query `{shown}` {description}"))
        }
        (None, None) => general(format!("invalid request: {detail}")),
    }
}

fn general(message: String) -> Rejection {
    Rejection { message, violation: None }
}

fn at(position: Option<Position>) -> String {
    position.map(|position| format!(" ({position})")).unwrap_or_default()
}

/// What is wrong, as a sentence that the field's name begins.
fn describe(detail: &str) -> String {
    const WHOLE_NUMBER: [&str; 4] = [
        "data did not match any variant of untagged enum",
        "invalid digit found in string",
        "cannot parse integer from empty string",
        "to fit in target type",
    ];
    const TIME: [&str; 4] =
        ["premature end of input", "input contains invalid characters", "trailing input", "input is out of range"];
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| detail.contains(phrase));
    if says(&WHOLE_NUMBER) {
        return "must be a whole number in the range of the field".to_owned();
    }
    if says(&["invalid float literal"]) {
        return "must be a number".to_owned();
    }
    if says(&TIME) {
        return "must be a time as in RFC 3339, like 2026-01-31T12:00:00Z".to_owned();
    }
    if let Some((_, names)) = detail.split_once("expected one of: ") {
        return format!("must be one of {}", names.trim_matches(['[', ']']).replace('"', "`"));
    }
    if let Some(value) = detail.strip_prefix("unknown variant ") {
        return match value.split_once(", expected one of ") {
            Some((_, names)) => format!("must be one of {names}"),
            None => format!("has the unknown value {value}"),
        };
    }
    if let Some(known) = detail.strip_prefix("unknown field ") {
        let known = known.split_once(", expected ").map_or(known, |(_, known)| known);
        return format!("is no field of the message: expected {known}");
    }
    if detail.starts_with("duplicate field") {
        return "is set twice, or together with a field that excludes it".to_owned();
    }
    match detail.strip_prefix("invalid type: ").and_then(|types| types.split_once(", expected ")) {
        Some((found, expected)) => format!("must be {}, not {}", in_json(expected), in_json(found)),
        None => format!("is not right: {detail}"),
    }
}

/// The decoder's word for a type as JSON has it.
fn in_json(word: &str) -> String {
    match word {
        "sequence" | "a sequence" => "an array".to_owned(),
        "map" | "a map" => "an object".to_owned(),
        _ if word.starts_with("struct ") => "an object".to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISMATCH: &str = "request did not match the expected message: ";

    fn message(detail: &str, body: &str) -> String {
        explain(&format!("{MISMATCH}{detail}"), None, body.as_bytes()).message
    }

    #[test]
    fn a_field_is_named_and_what_belongs_there() {
        let table = [
            (
                "invalid type: integer `5`, expected a string at line 1 column 21",
                r#"{"content":[{"text":5}]}"#,
                "invalid request: `content[0].text` must be a string, not integer `5` (line 1 column 21)",
            ),
            (
                "data did not match any variant of untagged enum Content at line 2 column 20",
                "{\n\"context_limit\":1.55}",
                "invalid request: `context_limit` must be a whole number in the range of the field (line 2 column 20)",
            ),
            (
                "unknown variant `WAIT`, expected one of `A`, `B` at line 1 column 23",
                r#"{"busy_behavior":"WAIT"}"#,
                "invalid request: `busy_behavior` must be one of `A`, `B` (line 1 column 23)",
            ),
            (
                "invalid type: sequence, expected struct chatmesh.chat.v1.CreateChatRequest at line 1 column 2",
                "[]",
                "invalid request: the body must be an object, not an array (line 1 column 2)",
            ),
        ];
        for (detail, body, expected) in table {
            assert_eq!(message(detail, body), expected);
        }
    }

    #[test]
    fn the_violation_is_given_apart_from_the_message() {
        let said = format!("{MISMATCH}invalid type: string \"yes\", expected a boolean at line 1 column 19");
        let rejection = explain(&said, None, br#"{"is_default":"yes"}"#);
        let expected = ("is_default".to_owned(), "must be a boolean, not string \"yes\"".to_owned());
        assert_eq!(rejection.violation, Some(expected));
    }

    #[test]
    fn what_does_not_belong_into_the_path_is_repeated() {
        let said = format!("{MISMATCH}path variable value \"last\" did not parse: invalid digit found in string");
        let expected = "invalid request: `last` in the path must be a whole number in the range of the field";
        assert_eq!(explain(&said, Some("page_size=5"), b"{}").message, expected);
    }

    #[test]
    fn a_query_is_repeated_and_no_json_says_where() {
        let said = format!("{MISMATCH}invalid digit found in string");
        let rejection = explain(&said, Some("page_size=all"), b"");
        assert!(rejection.message.contains("query `page_size=all` must be a whole number"), "{}", rejection.message);
        let said = "invalid request body JSON: expected value at line 1 column 1";
        let expected = "the body is not valid JSON: expected value (line 1 column 1)";
        assert_eq!(explain(said, None, b"x").message, expected);
    }
}
