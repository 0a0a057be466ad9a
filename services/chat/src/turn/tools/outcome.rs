//! What comes of a call, in a form that every history can hold.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolCall, ToolResult};
use chatmesh_proto::tools::v1::ToolOutcome;
use serde_json::{Value, json};

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
/// rest. Returns whether that was necessary.
pub(super) fn limited(outcome: ToolOutcome, limit: usize) -> (ToolOutcome, bool) {
    if outcome.result.len() <= limit {
        return (outcome, false);
    }
    let whole = text_of(&outcome);
    // Within JSON a text is longer than by itself, how much depends on what it says.
    let mut kept = limit.min(whole.len()) / 2;
    loop {
        let head = &whole[..whole.floor_char_boundary(kept)];
        let tail = &whole[whole.ceil_char_boundary(whole.len().saturating_sub(kept / 2))..];
        let note = format!(
            "the result has {} bytes, which is too long: these are its beginning and its end. Ask for less at once.",
            whole.len()
        );
        let result = match outcome.is_error {
            true => json!({ "error": format!("{head} … {tail} ({note})") }),
            false => json!({ "truncated": note, "beginning": head, "end": tail }),
        };
        let result = result.to_string();
        if result.len() <= limit || kept == 0 {
            return (ToolOutcome { result, ..outcome }, true);
        }
        kept /= 2;
    }
}

/// The error's own words, or the whole result.
fn text_of(outcome: &ToolOutcome) -> String {
    let error = match outcome.is_error {
        true => serde_json::from_str::<Value>(&outcome.result).ok(),
        false => None,
    };
    error.and_then(|error| error["error"].as_str().map(str::to_owned)).unwrap_or_else(|| outcome.result.clone())
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
}
