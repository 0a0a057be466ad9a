//! Settings of a call that several protocols read in the same way.

use std::borrow::Cow;

use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice, Warning, WebSearch};
use serde_json::value::RawValue;

use super::json::object_of;
use super::schema::{Required, held};
use super::warnings::{INVALID_SCHEMA, SETTING_CHANGED, ignored, warning};
use crate::classify::Failure;

/// What an answer's format is called where nobody named it.
const FORMAT_NAME: &str = "response";

/// The longest name of a format.
const MAX_NAME_CHARS: usize = 64;

/// The answer is to be JSON.
#[derive(Debug)]
pub(super) struct Format<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) description: &'a str,
    /// `None` where any object will do.
    pub(super) schema: Option<Cow<'a, RawValue>>,
    /// The provider holds the model to the schema.
    pub(super) is_strict: bool,
}

/// The format of the answer; `None` where it is text. A strict schema has what providers demand
/// of one, or is not strict.
pub(super) fn format<'a>(request: &'a GenerateRequest, warnings: &mut Vec<Warning>) -> Option<Format<'a>> {
    let format = request.output_format.as_ref()?;
    let schema = object_of(&format.schema);
    if schema.is_none() && !format.schema.trim().is_empty() {
        warnings.push(warning(INVALID_SCHEMA, "the schema of the answer is not a JSON object"));
    }
    let mut schema = schema.map(Cow::Borrowed);
    let mut is_strict = format.strict && schema.is_some();
    if is_strict {
        match schema.as_deref().and_then(|schema| held(schema, Required::All)) {
            Some(strict) => schema = Some(Cow::Owned(strict)),
            None => {
                is_strict = false;
                warnings.push(not_strict("output_format"));
            }
        }
    }
    Some(Format { name: name_of(&format.name), description: &format.description, schema, is_strict })
}

/// A schema was sent that the provider does not hold the model to.
pub(super) fn not_strict(what: &str) -> Warning {
    warning(SETTING_CHANGED, format!("{what}: not strict, because its schema leaves open which fields there are"))
}

/// A name that providers accept: letters, digits, `_` and `-`.
fn name_of(name: &str) -> Cow<'_, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match name.trim() {
        "" => Cow::Borrowed(FORMAT_NAME),
        name if name.len() <= MAX_NAME_CHARS && name.chars().all(is_allowed) => Cow::Borrowed(name),
        name => Cow::Owned(name.chars().take(MAX_NAME_CHARS).map(|c| if is_allowed(c) { c } else { '_' }).collect()),
    }
}

/// The one tool that the model must call, where it must call one.
///
/// # Errors
/// There is no such tool.
pub(super) fn required_tool<'a>(
    request: &'a GenerateRequest,
    warnings: &mut Vec<Warning>,
) -> Result<Option<&'a str>, Failure> {
    let name = request.required_tool.as_str();
    if name.is_empty() {
        return Ok(None);
    }
    if request.tool_choice() != ToolChoice::Required {
        warnings.push(ignored("required_tool", "the call does not demand a tool"));
        return Ok(None);
    }
    match request.tools.iter().any(|tool| tool.name == name) {
        true => Ok(Some(name)),
        false => Err(Failure::configuration(format!("the required tool `{name}` is not among the tools"))),
    }
}

/// Whether and how the model searches the web.
///
/// # Errors
/// The domains contradict each other.
pub(super) fn web_search(options: &ModelOptions) -> Result<Option<&WebSearch>, Failure> {
    match &options.web_search {
        Some(search) if !search.allowed_domains.is_empty() && !search.blocked_domains.is_empty() => {
            Err(Failure::configuration("the option `web_search` has allowed and blocked domains; only one list can be"))
        }
        search => Ok(search.as_ref()),
    }
}

/// A text option; empty is not set.
pub(super) fn text(option: &Option<String>) -> Option<&str> {
    option.as_deref().filter(|text| !text.is_empty())
}

/// A text field; empty is not set.
pub(super) fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Names the settings that are set and have no place in the protocol.
pub(super) fn unsupported(settings: &[(&str, bool)], why: &str, warnings: &mut Vec<Warning>) {
    warnings.extend(settings.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| ignored(name, why)));
}
