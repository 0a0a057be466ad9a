//! What comes of a call, in a form that every history can hold.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolCall, ToolResult};
use chatmesh_proto::tools::v1::ToolOutcome;
use serde_json::{Map, Value, json};

/// The longest text that is a small field.
const MAX_SMALL_TEXT: usize = 256;

/// A call that did not work; the model reads why.
pub(super) fn failure(error: &str) -> ToolOutcome {
    ToolOutcome { result: json!({ "error": error }).to_string(), is_error: true, attachment: None }
}

/// The part that answers a call.
pub(super) fn result_part(call: &ToolCall, outcome: ToolOutcome) -> Part {
    let result = ToolResult {
        call_id: call.call_id.clone(),
        name: call.name.clone(),
        result: outcome.result,
        is_error: outcome.is_error,
        provider_executed: false,
        ..ToolResult::default()
    };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

/// Cuts what is longer than `limit` bytes: its beginning and its end are kept, with a note that tells of the
/// rest. What failed is still seen to have failed: a text `error` stays one, with the small fields beside it. Returns
/// whether that was necessary.
pub(super) fn limited(outcome: ToolOutcome, limit: usize) -> (ToolOutcome, bool) {
    if outcome.result.len() <= limit {
        return (outcome, false);
    }
    let parsed: Map<String, Value> = serde_json::from_str(&outcome.result).unwrap_or_default();
    let error = parsed.get("error").and_then(Value::as_str);
    let fields = error.map(|_| small_fields(&parsed, limit / 8)).unwrap_or_default();
    // It is the error that is long, or the error is told beside what is.
    let is_of_error =
        outcome.is_error || error.is_some_and(|error| json!(error).to_string().len() > outcome.result.len() / 2);
    let whole = error.filter(|_| is_of_error).unwrap_or(&outcome.result);
    let note = format!(
        "the result has {} bytes, which is too long: these are its beginning and its end. Ask for less at once.",
        whole.len()
    );
    // Within JSON a text is longer than by itself, how much depends on what it says.
    let mut kept = limit.min(whole.len()) / 2;
    loop {
        let (head, tail) = ends(whole, kept);
        let mut result = fields.clone();
        if is_of_error {
            result.insert("error".to_owned(), format!("{head} … {tail} ({note})").into());
        } else {
            let error = error.map(|error| ("error", shortened(error, kept)));
            let cut = [("truncated", note.clone()), ("beginning", head.to_owned()), ("end", tail.to_owned())];
            result.extend(cut.into_iter().chain(error).map(|(name, text)| (name.to_owned(), text.into())));
        }
        let result = Value::Object(result).to_string();
        if result.len() <= limit || kept == 0 {
            return (ToolOutcome { result, ..outcome }, true);
        }
        kept /= 2;
    }
}

/// The fields that say in few words what came of a call, such as `success`, `exit_code` and `build_id`, up to a size.
fn small_fields(result: &Map<String, Value>, limit: usize) -> Map<String, Value> {
    let mut left = limit;
    let small = result.iter().filter(|(name, value)| {
        let size = match value {
            Value::Bool(_) | Value::Number(_) => name.len() + 24,
            Value::String(text) if text.len() <= MAX_SMALL_TEXT => name.len() + json!(text).to_string().len(),
            _ => return false,
        };
        let fits = size <= left;
        left -= if fits { size } else { 0 };
        fits
    });
    small.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn shortened(text: &str, kept: usize) -> String {
    if text.len() <= kept {
        return text.to_owned();
    }
    let (head, tail) = ends(text, kept / 2);
    format!("{head} … {tail}")
}

/// The first `kept` bytes of a text that is longer, and half as many of its last ones.
fn ends(text: &str, kept: usize) -> (&str, &str) {
    let head = &text[..text.floor_char_boundary(kept)];
    let tail = &text[text.ceil_char_boundary(text.len().saturating_sub(kept / 2))..];
    (head, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 4096;

    fn cut(result: String, is_error: bool) -> (Value, usize) {
        let (outcome, is_cut) = limited(ToolOutcome { result, is_error, attachment: None }, LIMIT);
        assert!(is_cut && outcome.is_error == is_error);
        (serde_json::from_str(&outcome.result).expect("still JSON"), outcome.result.len())
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let outcome = ToolOutcome { result: "x".repeat(LIMIT), ..ToolOutcome::default() };
        assert_eq!(limited(outcome.clone(), LIMIT), (outcome, false));
    }

    #[test]
    fn a_result_that_is_too_long_keeps_its_ends_and_says_so() {
        for filler in ["x", "\"", "\u{1}", "ä", "\\"] {
            let result = json!({ "a": 1, "output": filler.repeat(100_000), "z": 2 }).to_string();
            let bytes = result.len();
            let (found, length) = cut(result, false);
            assert!(length <= LIMIT && length > LIMIT / 8, "{filler:?}: {length} bytes");
            assert!(found["beginning"].as_str().is_some_and(|text| text.starts_with("{\"a\":1")), "{found}");
            assert!(found["end"].as_str().is_some_and(|text| text.ends_with("\"z\":2}")), "{found}");
            assert!(found["truncated"].as_str().is_some_and(|note| note.contains(&bytes.to_string())), "{found}");
        }
    }

    #[test]
    fn an_error_that_is_too_long_is_still_an_error() {
        let (found, length) = cut(json!({ "error": format!("no: {}", "x".repeat(100_000)) }).to_string(), true);
        assert!(length <= LIMIT);
        assert!(found["error"].as_str().is_some_and(|error| error.starts_with("no: xx")), "{found}");
        let (found, _) = cut("y".repeat(100_000), true);
        assert!(found["error"].as_str().is_some_and(|error| error.starts_with("yyy")), "{found}");
    }

    /// What failed and told much is still a failure: who reads it sees that by `error`.
    #[test]
    fn a_structured_failure_that_is_too_long_stays_one_with_its_small_fields() {
        for filler in ["x", "\"", "\u{1}", "ä"] {
            let log = filler.repeat(100_000);
            let fields = json!({ "success": false, "exit_code": -1, "build_id": "b-1", "none": null, "list": [1, 2] });
            let with = |name: &str, value: &str| {
                let mut result = fields.clone();
                result["error"] = "the build failed".into();
                result[name] = value.into();
                result.to_string()
            };
            let told = |found: &Value| {
                assert_eq!((&found["success"], &found["exit_code"]), (&json!(false), &json!(-1)), "{found}");
                assert_eq!((&found["build_id"], found.get("list")), (&json!("b-1"), None), "{found}");
            };
            // Something else is too long.
            let (found, length) = cut(with("output", &log), false);
            told(&found);
            assert!(length <= LIMIT && length > LIMIT / 8, "{filler:?}: {length} bytes");
            assert_eq!(found["error"], "the build failed");
            assert!(found["beginning"].as_str().is_some_and(|text| text.starts_with('{')), "{found}");
            assert!(found["truncated"].as_str().is_some_and(|note| note.contains("too long")), "{found}");
            // The error itself is.
            let (found, length) = cut(with("error", &format!("no: {log}")), false);
            told(&found);
            assert!(length <= LIMIT && length > LIMIT / 8, "{filler:?}: {length} bytes");
            assert!(
                found["error"].as_str().is_some_and(|error| error.starts_with(&format!("no: {filler}"))),
                "{found}"
            );
            assert!(found.get("beginning").is_none(), "{found}");
        }
    }

    /// Whoever has much to say in small pieces does not get round the limit.
    #[test]
    fn many_small_fields_do_not_make_a_result_too_long() {
        let mut result: Map<String, Value> =
            (0..1000).map(|n| (format!("field_{n}"), "y".repeat(200).into())).collect();
        result.insert("error".to_owned(), "it failed".into());
        result.insert("output".to_owned(), "x".repeat(100_000).into());
        let (found, length) = cut(Value::Object(result).to_string(), false);
        assert!(length <= LIMIT, "{length} bytes");
        assert_eq!(found["error"], "it failed");
        let only_an_object = json!({ "error": { "code": 3 }, "output": "x".repeat(100_000) }).to_string();
        let (found, _) = cut(only_an_object, false);
        assert!(found.get("error").is_none() && found["beginning"].is_string(), "{found}");
    }
}
