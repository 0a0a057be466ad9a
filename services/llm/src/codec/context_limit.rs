//! Finds the model's context limit in what a provider says beside the answer. There is no field
//! for it that providers agree on, so names decide.

use serde_json::Value;

/// Names of the limit, without underscores and in lower case.
const NAMES: &[&str] = &[
    "contextlimit",
    "contextwindow",
    "contextlength",
    "maxcontext",
    "maxcontexttokens",
    "maxcontextlength",
    "maxinputtokens",
    "inputtokenlimit",
];

/// How deep a document is searched; what is deeper is the answer's own content.
const MAX_DEPTH: usize = 8;

/// The largest limit that a document names; 0 where it names none.
pub(super) fn find(json: &str) -> u32 {
    // Most documents hold no such name, and reading them a second time would be for nothing.
    if !may_name_one(json) {
        return 0;
    }
    serde_json::from_str(json).map_or(0, |value| largest(&value, MAX_DEPTH))
}

/// Whether a part of a name that all of them have occurs.
fn may_name_one(json: &str) -> bool {
    let lower = json.to_ascii_lowercase();
    ["context", "input_token_limit", "inputtokenlimit", "max_input", "maxinput"].iter().any(|part| lower.contains(part))
}

fn largest(value: &Value, depth: usize) -> u32 {
    let Some(depth) = depth.checked_sub(1) else { return 0 };
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| named(name, value).max(largest(value, depth))).max().unwrap_or(0)
        }
        Value::Array(items) => items.iter().map(|item| largest(item, depth)).max().unwrap_or(0),
        _ => 0,
    }
}

fn named(name: &str, value: &Value) -> u32 {
    let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    if !NAMES.contains(&plain.as_str()) {
        return 0;
    }
    let limit = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    limit.map_or(0, |limit| u32::try_from(limit).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_under_any_known_name_counts() {
        let cases = [
            (r#"{"usage":{"context_window":8192,"total":9}}"#, 8192),
            (r#"{"a":[{"maxInputTokens":"200000"},{"Context_Limit":100}]}"#, 200_000),
            (r#"{"provider":{"CONTEXT-LENGTH":5.0,"max_context_tokens":-1}}"#, 0),
            (r#"{"input_token_limit":7}"#, 7),
            (r#"{"context_management":{"edits":3},"input_tokens":99}"#, 0),
            (r#"{"context_window":null,"x":"context_window: 5"}"#, 0),
            ("not json with context", 0),
        ];
        for (json, limit) in cases {
            assert_eq!(find(json), limit, "{json}");
        }
    }
}
