//! Which value each parameter of a build has.
//!
//! The first of these counts: what was given for this build, what its preset says, what the build before had, what the
//! manifest says. An ephemeral parameter takes nothing over from the build before; one that is not mutable keeps what
//! it has there, whatever is given. What nothing says stays without a value, unless it is required.

use std::collections::BTreeMap;

use chatmesh_core::Violations;

use super::{ParameterValue, quoted};
use crate::domain::{Parameter, Preset};

/// Values by the names of parameters.
pub type Values = BTreeMap<String, String>;

/// What is chosen for a build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<'a> {
    /// What was given for this build.
    pub(crate) explicit: &'a Values,
    /// The preset that was chosen for it.
    pub(crate) preset: Option<&'a Preset>,
    /// What the build before had; `None` for the first one.
    pub(crate) previous: Option<&'a Values>,
}

/// Where a value is from, and the value where it is one of its type.
struct Candidate<'a> {
    origin: Origin<'a>,
    value: Result<ParameterValue, String>,
}

enum Origin<'a> {
    Given,
    Preset(&'a str),
    Previous,
    Default,
}

/// Returns the value of each parameter that has one.
///
/// # Errors
/// Everything that is wrong: the field `parameters.NAME` of each.
pub(crate) fn resolve(parameters: &[Parameter], choice: Choice<'_>) -> Result<Values, Violations> {
    let mut violations = Violations::new();
    for name in choice.explicit.keys().filter(|name| parameters.iter().all(|parameter| parameter.name != **name)) {
        violations.add(format!("parameters.{}", quoted(name).trim_matches('`')), known(parameters));
    }
    let mut values = Values::new();
    for parameter in parameters {
        if let Some(value) = resolve_one(parameter, choice, &mut violations) {
            values.insert(parameter.name.clone(), value.to_string());
        }
    }
    violations.finish(Some(values))
}

fn known(parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return "is no parameter of this template: it has none".to_owned();
    }
    let names: Vec<String> = parameters.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
    format!("is no parameter of this template: it has {}", names.join(", "))
}

fn resolve_one(parameter: &Parameter, choice: Choice<'_>, violations: &mut Violations) -> Option<ParameterValue> {
    let field = || format!("parameters.{}", parameter.name);
    let inherited = choice.previous.filter(|_| !parameter.ephemeral).and_then(|values| values.get(&parameter.name));
    let Some(Candidate { origin, value }) = candidate(parameter, choice, inherited) else {
        violations.require(!parameter.required, field(), format!("is required: give a {}", parameter.kind));
        return None;
    };
    let value = match value {
        Ok(value) => value,
        Err(problem) => {
            violations.add(field(), problem + &origin.told(parameter));
            return None;
        }
    };

    let before = inherited.map(|text| ParameterValue::parse(parameter.kind, text));
    let before = before.as_ref().map(Result::as_ref);
    if let (false, Some(before), Some(text)) = (parameter.mutable, before, inherited)
        && before != Ok(&value)
    {
        violations.add(field(), format!("can not be changed after the first build: it stays {}", quoted(text)));
        return None;
    }
    let problems = parameter.problems(&value, before.and_then(Result::ok));
    for problem in &problems {
        violations.add(field(), format!("{problem}{}", origin.told(parameter)));
    }
    problems.is_empty().then_some(value)
}

fn candidate<'a>(parameter: &Parameter, choice: Choice<'a>, inherited: Option<&String>) -> Option<Candidate<'a>> {
    let (name, kind) = (&parameter.name, parameter.kind);
    if let Some(text) = choice.explicit.get(name) {
        return Some(Candidate { origin: Origin::Given, value: ParameterValue::parse(kind, text) });
    }
    if let Some(preset) = choice.preset
        && let Some(written) = preset.parameters.get(name)
    {
        let value = ParameterValue::read(kind, written);
        return Some(Candidate { origin: Origin::Preset(&preset.name), value });
    }
    if let Some(text) = inherited {
        return Some(Candidate { origin: Origin::Previous, value: ParameterValue::parse(kind, text) });
    }
    let written = parameter.default.as_ref()?;
    Some(Candidate { origin: Origin::Default, value: ParameterValue::read(kind, written) })
}

impl Origin<'_> {
    /// What an error adds about a value that was not given for this build.
    fn told(&self, parameter: &Parameter) -> String {
        match self {
            Self::Given => String::new(),
            Self::Preset(name) => format!(" (from the preset {})", quoted(name)),
            Self::Previous if parameter.mutable => " (from the build before: give another value)".to_owned(),
            Self::Previous => {
                " (from the build before, and it can not be changed: create another workspace, or use an \
                               older version of the template)"
                    .to_owned()
            }
            Self::Default => " (from the template: give another value)".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
