//! What both dialects demand of the settings of a call.

use serde_json::Value;

use super::{Dialect, Refusal};

/// Refuses what should be a number and is none.
pub(super) fn check(dialect: Dialect, body: &Value) -> Result<(), Refusal> {
    let is_odd = |param: &&str| !body[*param].is_null() && !body[*param].is_number();
    match ["temperature", "top_p"].into_iter().find(is_odd) {
        None => Ok(()),
        Some(param) => Err(match dialect {
            Dialect::Anthropic => Refusal::invalid(format!("{param}: Input should be a valid number")),
            Dialect::Chat | Dialect::Responses => {
                let text = format!("Invalid type for '{param}': expected a decimal, but got another type instead.");
                Refusal::invalid(text).with_param(param).with_code("invalid_type")
            }
        }),
    }
}
