//! Refuses what a real provider refuses, in the provider's words.
//!
//! The checks come in the provider's order: key, JSON, version, model, then the rest.

mod anthropic;
mod auth;
mod chat;
mod responses;
mod settings;
mod tools;

use http::HeaderMap;
use serde_json::Value;

use super::dialect::Dialect;
use super::refusal::Refusal;
use super::stored::{Stored, input_items};

/// A request before anything of it is believed.
pub(super) struct Unchecked<'a> {
    pub(super) dialect: Dialect,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// The accepted keys; any key will do if there are none.
    pub(super) keys: &'a [String],
    /// The answers that it may continue.
    pub(super) stored: &'a Stored,
}

/// The body of a request that a provider would answer, with everything that it continues.
pub(super) fn check(request: &Unchecked<'_>, is_known_model: impl Fn(&str) -> bool) -> Result<Value, Refusal> {
    auth::check(request.dialect, request.headers, request.keys)?;
    let mut body: Value = serde_json::from_slice(request.body).map_err(|error| not_json(&error))?;
    if !body.is_object() {
        return Err(Refusal::invalid("the request body must be a JSON object"));
    }
    match request.dialect {
        Dialect::Anthropic => {
            anthropic::check_version(request.headers)?;
            check_model(request.dialect, &body, is_known_model)?;
            anthropic::check(&body)?;
        }
        Dialect::Chat => {
            check_model(request.dialect, &body, is_known_model)?;
            chat::check(&body)?;
        }
        Dialect::Responses => {
            check_model(request.dialect, &body, is_known_model)?;
            let before = request.stored.before(&body)?;
            responses::check(&body, &before, request.stored)?;
            if !before.is_empty() {
                body["input"] = before.iter().cloned().chain(input_items(&body["input"])).collect();
            }
        }
    }
    settings::check(request.dialect, &body)?;
    Ok(body)
}

fn not_json(error: &serde_json::Error) -> Refusal {
    Refusal::invalid(format!("We could not parse the JSON body of your request: {error}"))
}

fn check_model(dialect: Dialect, body: &Value, is_known: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    match (dialect, body["model"].as_str()) {
        (Dialect::Anthropic, None) => Err(Refusal::invalid("model: Field required")),
        (Dialect::Chat | Dialect::Responses, None) => Err(Refusal::invalid("you must provide a model parameter")),
        (_, Some(model)) if is_known(model) => Ok(()),
        (Dialect::Anthropic, Some(model)) => Err(Refusal::new(404, "not_found_error", format!("model: {model}"))),
        (Dialect::Chat | Dialect::Responses, Some(model)) => {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            let refusal = Refusal::new(404, "invalid_request_error", message);
            Err(refusal.with_code("model_not_found"))
        }
    }
}

/// The messages, which must be there.
fn messages(body: &Value) -> &[Value] {
    body["messages"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
