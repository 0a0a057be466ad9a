//! Reads the bodies with which providers and the proxies before them report errors.

use serde_json::Value;

use super::Failure;
use super::retry_after::seconds_text;

/// Reads an error body of any known shape. What is not JSON is taken as text; of a page of HTML
/// only the title remains.
///
/// Known shapes: `{"error": {"message", "type", "code", "status", "details"}}`, the same in an
/// array, `{"error": "text"}`, `{"message"}`, `{"detail"}` and `{"__type", "message"}`.
pub fn parse(body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => parse_value(&value),
        Err(_) => Failure { message: plain_text(&text).to_owned(), ..Failure::default() },
    }
}

/// Reads an error that is part of a larger document.
pub(crate) fn parse_value(value: &Value) -> Failure {
    let value = match value {
        Value::Array(items) => items.first().unwrap_or(&Value::Null),
        value => value,
    };
    let mut failure = Failure::default();
    let Value::Object(outer) = value else {
        failure.message = text_of(value);
        return failure;
    };
    let inner = outer.get("error").filter(|error| !error.is_null());
    failure.message = inner
        .and_then(message_of)
        .or_else(|| message_of(value))
        .or_else(|| outer.get("detail").map(text_of))
        .unwrap_or_else(|| value.to_string());
    for source in [inner, Some(value)].into_iter().flatten() {
        read_codes(source, &mut failure);
    }
    failure
}

fn message_of(value: &Value) -> Option<String> {
    let message = match value {
        Value::String(text) => text.as_str(),
        Value::Object(fields) => fields.get("message").or_else(|| fields.get("Message"))?.as_str()?,
        _ => return None,
    };
    (!message.trim().is_empty()).then(|| unwrap_decoration(message))
}

/// Takes the provider's sentence out of what HTTP libraries print: `POST "url": 400 Bad Request
/// {"error": ...}`.
fn unwrap_decoration(message: &str) -> String {
    let is_decorated = ["POST \"", "GET \""].iter().any(|start| message.starts_with(start));
    let nested = message
        .find('{')
        .filter(|_| is_decorated)
        .and_then(|start| serde_json::from_str::<Value>(&message[start..]).ok());
    let inner = nested.as_ref().and_then(|nested| match nested.get("error") {
        Some(error) => message_of(error),
        None => message_of(nested),
    });
    inner.unwrap_or_else(|| message.to_owned())
}

fn read_codes(value: &Value, failure: &mut Failure) {
    for key in ["type", "code", "status", "__type", "reason", "error_code"] {
        match value.get(key) {
            Some(Value::String(code)) if code != "error" && !code.is_empty() => {
                // AWS writes a namespace before the name: `com.amazon#ThrottlingException`.
                let name = code.rsplit('#').next().unwrap_or(code);
                match name.parse() {
                    Ok(status) => read_status(status, failure),
                    Err(_) => failure.codes.push(name.to_owned()),
                }
            }
            Some(Value::Number(code)) => read_status(code.as_u64().unwrap_or(0), failure),
            _ => {}
        }
    }
    for detail in value.get("details").into_iter().flat_map(entries) {
        if let Some(delay) = detail.get("retryDelay").and_then(Value::as_str) {
            failure.retry_after_ms = seconds_text(delay);
        }
        if detail.get("violations").is_some() {
            // The sentence does not say whether the quota is one of minutes or of days.
            failure.message.push_str(&format!(" {}", detail["violations"]));
        }
        read_codes(detail, failure);
    }
    if let Some(inner) = value.get("innererror") {
        read_codes(inner, failure);
    }
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    let (one, many) = match value {
        Value::Array(items) => (None, items.as_slice()),
        Value::Object(_) => (Some(value), [].as_slice()),
        _ => (None, [].as_slice()),
    };
    one.into_iter().chain(many)
}

fn read_status(code: u64, failure: &mut Failure) {
    let status = u16::try_from(code).ok().filter(|status| (400..600).contains(status));
    failure.status = failure.status.or(status);
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn plain_text(text: &str) -> &str {
    let trimmed = text.trim();
    if !trimmed.starts_with('<') {
        return trimmed;
    }
    let title = trimmed.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map_or("a page of HTML", |(title, _)| title.trim())
}
