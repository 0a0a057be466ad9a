//! Parameters: that what stands beside each other does not contradict itself.

use std::collections::HashSet;

use chatmesh_core::Violations;

use super::text::{check_line, check_prose};
use crate::domain::parameters::{ParameterValue, compile};
use crate::domain::{Parameter, ParameterType};

/// The longest name.
const MAX_NAME: usize = 64;
/// The most options.
const MAX_OPTIONS: usize = 64;
/// The longest regular expression, in bytes.
const MAX_REGEX: usize = 1000;
/// The longest text in place of a rule, in characters.
const MAX_ERROR: usize = 256;

/// Checks a parameter, which stands at `place`.
pub(super) fn check(place: &str, parameter: &Parameter, violations: &mut Violations) {
    let demands = format!("must be 1 to {MAX_NAME} lower-case letters, digits, `-` or `_`, with a letter first");
    violations.require(is_parameter_name(&parameter.name), format!("{place}.name"), demands);
    check_line(&format!("{place}.display_name"), &parameter.display_name, violations);
    check_prose(&format!("{place}.description"), &parameter.description, violations);
    check_flags(place, parameter, violations);
    let rules_hold = check_rules(place, parameter, violations);
    check_options(place, parameter, violations);

    let Some(written) = &parameter.default else { return };
    let field = format!("{place}.default");
    match ParameterValue::read(parameter.kind, written) {
        Err(problem) => violations.add(field, problem),
        // What breaks a rule that is no rule would only be noise.
        Ok(value) if rules_hold => {
            for problem in parameter.problems(&value, None) {
                violations.add(&field, problem);
            }
        }
        Ok(_) => {}
    }
}

/// Checks that nothing else is called like a parameter, neither in the manifest nor in workspaces, where the value is in a
/// variable whose name can not have a `-`.
pub(super) fn check_variable(place: String, name: &str, before: &[&Parameter], violations: &mut Violations) {
    let variable = |name: &str| name.to_ascii_uppercase().replace('-', "_");
    let mut others = before.iter().map(|other| other.name.as_str());
    match others.find(|other| variable(other) == variable(name)) {
        Some(other) if other == name => violations.add(place, "is the name of another parameter, too"),
        Some(other) => {
            let variable = variable(name);
            violations.add(
                place,
                format!(
                    "must not differ from `{other}` in `-` and `_` alone: both would be CHATMESH_PARAMETER_{variable}"
                ),
            );
        }
        None => {}
    }
}

fn is_parameter_name(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    name.len() <= MAX_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_fine)
}

fn check_flags(place: &str, parameter: &Parameter, violations: &mut Violations) {
    let Parameter { mutable, ephemeral, required, default, .. } = parameter;
    let demands = "must be left out where the parameter is required: it would never count";
    violations.require(!*required || default.is_none(), format!("{place}.default"), demands);
    let demands = "must not be true without `mutable`: every build may give it anew";
    violations.require(!*ephemeral || *mutable, format!("{place}.ephemeral"), demands);
    let demands = "must not be true for an ephemeral parameter: no workspace could be started without giving it again";
    violations.require(!*ephemeral || !*required, format!("{place}.required"), demands);
}

/// Returns whether the rules can be applied.
fn check_rules(place: &str, parameter: &Parameter, violations: &mut Violations) -> bool {
    let rules = &parameter.validation;
    let place = format!("{place}.validation");
    let mut own = Violations::new();

    let is_text = parameter.kind == ParameterType::Text;
    own.require(rules.regex.is_empty() || is_text, format!("{place}.regex"), "is for the type `string` only");
    if rules.regex.len() > MAX_REGEX {
        own.add(format!("{place}.regex"), format!("must have {MAX_REGEX} bytes at most"));
    } else if let Err(error) = compile(&rules.regex) {
        // The last line says what is wrong, the others draw where.
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
        own.add(format!("{place}.regex"), format!("must be a regular expression: {last}"));
    }

    let is_number = parameter.kind == ParameterType::Number;
    for (name, bound) in [("min", rules.min), ("max", rules.max)] {
        own.require(bound.is_none() || is_number, format!("{place}.{name}"), "is for the type `number` only");
    }
    let in_order = rules.min.zip(rules.max).is_none_or(|(min, max)| min <= max);
    own.require(in_order, format!("{place}.min"), "must not be higher than `max`");

    let changes = is_number && parameter.mutable && !parameter.ephemeral;
    let demands = "is for numbers that are mutable and not ephemeral only: others do not change from build to build";
    own.require(rules.monotonic.is_none() || changes, format!("{place}.monotonic"), demands);

    let fits = rules.error.chars().count() <= MAX_ERROR && !rules.error.contains(char::is_control);
    own.require(fits, format!("{place}.error"), format!("must be one line of {MAX_ERROR} characters at most"));
    let has_rule = !rules.regex.is_empty() || rules.min.is_some() || rules.max.is_some();
    let demands = "must be left out where there is no `regex`, `min` or `max`: it would never be said";
    own.require(rules.error.is_empty() || has_rule, format!("{place}.error"), demands);

    for violation in own.iter() {
        violations.add(&violation.field, &violation.description);
    }
    own.is_empty()
}

fn check_options(place: &str, parameter: &Parameter, violations: &mut Violations) {
    let place = format!("{place}.options");
    let options = &parameter.options;
    violations.require(options.len() <= MAX_OPTIONS, place.as_str(), format!("must be {MAX_OPTIONS} at most"));
    let has_choice = options.is_empty() || parameter.kind != ParameterType::Bool;
    violations.require(has_choice, place.as_str(), "must be left out for the type `bool`: there are only two");

    let mut values = HashSet::new();
    for (index, option) in options.iter().take(MAX_OPTIONS).enumerate() {
        let place = format!("{place}[{index}]");
        check_line(&format!("{place}.name"), &option.name, violations);
        check_prose(&format!("{place}.description"), &option.description, violations);
        let field = format!("{place}.value");
        match ParameterValue::read(parameter.option_type(), &option.value) {
            Err(problem) => violations.add(field, problem),
            Ok(value) => {
                if let Some(problem) = parameter.check_rules(&value) {
                    violations.add(&field, problem);
                }
                violations.require(values.insert(value.to_string()), field, "is the value of another option, too");
            }
        }
    }
}
