//! Parameters.

use std::fmt::{self, Display};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WrittenValue;

/// Something that may be chosen for a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Names it among the parameters: 1 to 64 lower-case letters, digits, `-` or `_`, with a letter first. In a workspace
    /// the value of `git-branch` is in the variable `CHATMESH_PARAMETER_GIT_BRANCH`: two names must not come to the same.
    pub name: String,
    /// Names it for people; its name where it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// What it does; 1000 bytes at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What its values are.
    #[serde(default, rename = "type")]
    pub kind: ParameterType,
    /// True where it may be another one in a later build.
    #[serde(default)]
    pub mutable: bool,
    /// True where a build does not take it over from the one before. It has to be mutable.
    #[serde(default)]
    pub ephemeral: bool,
    /// True where it has to be given. It has no default then.
    #[serde(default)]
    pub required: bool,
    /// Its value where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<WrittenValue>,
    /// The values to choose from; any where it is left out. Of a list, each item is one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<ParameterOption>,
    /// What its values have to fulfil.
    #[serde(default, skip_serializing_if = "ParameterValidation::is_default")]
    pub validation: ParameterValidation,
}

/// What the values of a parameter are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ParameterType {
    /// Text.
    #[default]
    #[serde(rename = "string")]
    Text,
    /// A number, like `2` or `0.5`, of 9007199254740991 at most.
    #[serde(rename = "number")]
    Number,
    /// `true` or `false`.
    #[serde(rename = "bool")]
    Bool,
    /// A list of texts; given as a JSON list.
    #[serde(rename = "list(string)")]
    List,
}

impl ParameterType {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::List => "list(string)",
        }
    }
}

impl Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value to choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterOption {
    /// The value.
    pub value: WrittenValue,
    /// Names it for people; the value itself where it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it means; 1000 bytes at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What the values of a parameter have to fulfil.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterValidation {
    /// A regular expression that is found in a text; `^` and `$` make it all of the text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub regex: String,
    /// What is said of a value that does not fulfil `regex`, `min` or `max`, in place of the rule; 256 characters at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The lowest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The highest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// In which direction alone a number may change from build to build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotonic: Option<Monotonic>,
}

impl ParameterValidation {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// In which direction a number may change from build to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Monotonic {
    /// It never becomes lower, like the size of a disk.
    Increasing,
    /// It never becomes higher.
    Decreasing,
}
