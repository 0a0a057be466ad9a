//! Fields that an administrator or a caller adds to a request's body, whatever they are.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::fields::Fields;
use crate::classify::Failure;

/// The body of a request with the extra fields in it.
///
/// Objects are merged with objects, everything else replaces what stood there, and null takes a
/// field away (RFC 7396).
///
/// # Errors
/// The extra fields are not a JSON object.
pub(super) fn body_with(body: &impl Serialize, extra: Option<&str>) -> Result<Bytes, Failure> {
    let encoded = |error: serde_json::Error| Failure::configuration(error.to_string());
    let Some(extra) = extra.filter(|extra| !extra.trim().is_empty()) else {
        return serde_json::to_vec(body).map(Bytes::from).map_err(encoded);
    };
    let extra: Box<RawValue> = serde_json::from_str(extra)
        .map_err(|error| Failure::configuration(format!("the option `extra_body` is not JSON: {error}")))?;
    let Some(extra) = Fields::of(&extra) else {
        return Err(Failure::configuration("the option `extra_body` is JSON, but not an object"));
    };
    let body = serde_json::value::to_raw_value(body).map_err(encoded)?;
    let mut fields = Fields::of(&body).unwrap_or_default();
    merge(&mut fields, extra);
    serde_json::to_vec(&fields).map(Bytes::from).map_err(encoded)
}

fn merge(fields: &mut Fields, mut extra: Fields) {
    for (name, value) in extra.values_mut() {
        if value.get() == "null" {
            fields.remove(name);
            continue;
        }
        let Some(inner) = Fields::of(value) else {
            fields.set(name, value.to_owned());
            continue;
        };
        let mut known = fields.get(name).and_then(Fields::of).unwrap_or_default();
        merge(&mut known, inner);
        fields.set(name, known.to_raw());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn merged(body: &Value, extra: &str) -> Value {
        serde_json::from_slice(&body_with(body, Some(extra)).unwrap()).unwrap()
    }

    #[test]
    fn objects_merge_and_everything_else_replaces() {
        let body = json!({"a": {"x": 1, "y": {"z": 2}}, "b": [1, 2], "c": 3, "d": "d"});
        let extra =
            r#"{"a": {"y": {"w": 5}}, "b": [9], "c": {"deep": {"gone": null, "kept": true}}, "d": null, "e": 1.50}"#;
        assert_eq!(
            merged(&body, extra),
            json!({"a": {"x": 1, "y": {"z": 2, "w": 5}}, "b": [9], "c": {"deep": {"kept": true}}, "e": 1.5})
        );
        assert_eq!(merged(&body, " {} "), body);
        assert_eq!(body_with(&body, Some(" ")).unwrap(), body.to_string());
    }

    #[test]
    fn what_is_not_named_does_not_change_by_a_byte() {
        let raw = r#"{"z":1.0,"messages":[{"args":{"n":12345678901234567890123,"a":1e3}}],"a":{"k":0.10}}"#;
        let body: Box<RawValue> = serde_json::from_str(raw).unwrap();
        let sent = body_with(&body, Some(r#"{"a":{"m":2.50}}"#)).unwrap();
        let expected = raw.replace(r#"{"k":0.10}"#, r#"{"k":0.10,"m":2.50}"#);
        assert_eq!(std::str::from_utf8(&sent).unwrap(), expected);
    }

    #[test]
    fn what_is_no_object_is_named() {
        for (extra, said) in
            [("{oops", "not JSON"), ("[1]", "not an object"), ("7", "not an object"), ("null", "not an object")]
        {
            let failure = body_with(&json!({}), Some(extra)).unwrap_err();
            assert!(failure.message.contains("extra_body") && failure.message.contains(said), "{}", failure.message);
        }
    }
}
