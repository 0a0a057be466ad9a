//! `read_template`: what a template is for, and what can be chosen for its workspaces.

use std::collections::BTreeMap;

use chatmesh_proto::workspaces::v1::{
    Monotonic, ParameterOption, ParameterType, Template, TemplateParameter, TemplatePreset, TemplateVersion,
};
use chatmesh_rpc::Code;
use serde::{Deserialize, Serialize};

use super::super::{Call, parse};
use super::args::template_id;
use super::create::{not_allowed, unknown};
use super::failure::Trouble;
use super::services::Services;
use crate::outcome::Outcome;

/// How much of a readme is returned, in characters.
const MAX_README: usize = 8000;
/// How much of the description of a parameter, a preset or an option.
const MAX_DESCRIPTION: usize = 300;

#[derive(Debug, Deserialize)]
struct Args {
    template_id: Option<String>,
}

/// A template, as models read it.
#[derive(Debug, Serialize)]
struct Read {
    template: About,
    parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_note: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    presets: Vec<Preset>,
}

#[derive(Debug, Serialize)]
struct About {
    id: String,
    name: String,
    active_version_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    deprecation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    readme: String,
}

#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    r#type: &'static str,
    required: bool,
    mutable: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ephemeral: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_regex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_monotonic: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Choice {
    name: String,
    value: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

#[derive(Debug, Serialize)]
struct Preset {
    name: String,
    default: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_prebuild_instances: Option<u32>,
    parameters: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct Value {
    name: String,
    value: String,
}

pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, Trouble> {
    let args: Args = parse(call.args)?;
    let id = template_id(args.template_id.as_deref())?.to_string();
    let services = Services::of(call);
    let template = match services.template(&id).await {
        Ok(template) => template,
        Err(status) if status.code() == Code::NotFound => return Err(unknown(&id)),
        Err(status) => return Err(Trouble::of(&status)),
    };
    if !template.allowed_for_agents {
        return Err(not_allowed(&template));
    }
    let (version, note) = match services.active_version(&id).await {
        Ok(version) => (version, None),
        // What the template is for is worth something without what can be chosen.
        Err(status) => {
            let note = format!("the parameters and presets could not be read ({}): try again", status.message());
            (TemplateVersion::default(), Some(note))
        }
    };
    Ok(Outcome::of(&read(template, version, note)))
}

fn read(template: Template, version: TemplateVersion, parameters_note: Option<String>) -> Read {
    Read {
        template: About {
            id: template.id,
            name: template.name,
            active_version_id: template.active_version_id,
            display_name: template.display_name,
            description: template.description,
            deprecation: template.deprecation,
            readme: shortened(&version.readme, MAX_README),
        },
        parameters: version.parameters.into_iter().map(parameter).collect(),
        parameters_note,
        presets: version.presets.into_iter().map(preset).collect(),
    }
}

fn parameter(parameter: TemplateParameter) -> Parameter {
    let r#type = match parameter.r#type() {
        ParameterType::Unspecified | ParameterType::String => "string",
        ParameterType::Number => "number",
        ParameterType::Bool => "bool",
        ParameterType::List => "list(string)",
    };
    let rules = parameter.validation.unwrap_or_default();
    let validation_monotonic = match rules.monotonic() {
        Monotonic::Unspecified => None,
        Monotonic::Increasing => Some("increasing"),
        Monotonic::Decreasing => Some("decreasing"),
    };
    Parameter {
        r#type,
        required: parameter.required,
        mutable: parameter.mutable,
        description: shortened(&parameter.description, MAX_DESCRIPTION),
        default: parameter.default_value,
        ephemeral: parameter.ephemeral,
        options: parameter.options.into_iter().map(choice).collect(),
        validation_regex: Some(rules.regex).filter(|text| !text.is_empty()),
        validation_error: Some(rules.error).filter(|text| !text.is_empty()),
        validation_min: rules.min,
        validation_max: rules.max,
        validation_monotonic,
        name: parameter.name,
        display_name: parameter.display_name,
    }
}

fn choice(option: ParameterOption) -> Choice {
    let ParameterOption { value, name, description } = option;
    let name = if name.is_empty() { value.clone() } else { name };
    Choice { name, value, description: shortened(&description, MAX_DESCRIPTION) }
}

fn preset(preset: TemplatePreset) -> Preset {
    // In an order that does not change from call to call.
    let parameters: BTreeMap<_, _> = preset.parameters.into_iter().collect();
    Preset {
        name: preset.name,
        default: preset.is_default,
        description: shortened(&preset.description, MAX_DESCRIPTION),
        icon: preset.icon,
        desired_prebuild_instances: Some(preset.desired_prebuild_instances).filter(|count| *count > 0),
        parameters: parameters.into_iter().map(|(name, value)| Value { name, value }).collect(),
    }
}

/// A text of so many characters at most; one that is longer ends with an ellipsis.
pub(super) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_with_an_ellipsis() {
        for (text, expected) in [("", ""), ("abc", "abc"), ("äöü", "äöü"), ("abcd", "ab…"), ("äöüß", "äö…")]
        {
            assert_eq!(shortened(text, 3), expected, "{text}");
        }
    }
}
