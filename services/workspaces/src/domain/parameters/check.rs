//! What a parameter asks of its values.

use regex::{Regex, RegexBuilder};

use super::{ParameterValue, quoted};
use crate::domain::{Monotonic, Parameter, ParameterType};

/// What a regular expression may take when it is compiled: one that repeats repetitions could take all there is.
const MAX_REGEX_BYTES: usize = 256 * 1024;

impl Parameter {
    /// Everything that is wrong with a value of its type; `before` is the one of the build before.
    pub(crate) fn problems(&self, value: &ParameterValue, before: Option<&ParameterValue>) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.check_options(value));
        problems.extend(self.check_rules(value));
        problems.extend(self.check_direction(value, before));
        problems
    }

    fn check_options(&self, value: &ParameterValue) -> Option<String> {
        let options: Vec<String> = self.allowed();
        let given = match value {
            ParameterValue::List(items) => items.clone(),
            one => vec![one.to_string()],
        };
        let other = given.iter().find(|one| !options.is_empty() && !options.contains(*one))?;
        let listed: Vec<String> = options.iter().map(|option| quoted(option)).collect();
        Some(format!("must be one of {}, not {}", listed.join(", "), quoted(other)))
    }

    /// The options as values print.
    fn allowed(&self) -> Vec<String> {
        let values =
            self.options.iter().filter_map(|option| ParameterValue::read(self.option_type(), &option.value).ok());
        values.map(|value| value.to_string()).collect()
    }

    /// What its options are: those of a list are its items.
    pub(crate) fn option_type(&self) -> ParameterType {
        if self.kind == ParameterType::List { ParameterType::Text } else { self.kind }
    }

    /// What the rules say that a value has to fulfil by itself, whatever the options.
    pub(crate) fn check_rules(&self, value: &ParameterValue) -> Option<String> {
        let rules = &self.validation;
        let broken = match value {
            ParameterValue::Text(text) => {
                let fits = rules.regex.is_empty() || compile(&rules.regex).is_ok_and(|regex| regex.is_match(text));
                (!fits).then(|| format!("must match {}, but is {}", quoted(&rules.regex), quoted(text)))
            }
            ParameterValue::Number(number) => match (rules.min, rules.max) {
                (Some(min), _) if *number < min => Some(format!("must be {min} or more, not {number}")),
                (_, Some(max)) if *number > max => Some(format!("must be {max} or less, not {number}")),
                _ => None,
            },
            ParameterValue::Bool(_) | ParameterValue::List(_) => None,
        };
        broken.map(|rule| if rules.error.is_empty() { rule } else { rules.error.clone() })
    }

    fn check_direction(&self, value: &ParameterValue, before: Option<&ParameterValue>) -> Option<String> {
        let (ParameterValue::Number(now), Some(ParameterValue::Number(before))) = (value, before) else { return None };
        match self.validation.monotonic? {
            Monotonic::Increasing if now < before => Some(format!("must not become lower: it is {before}, not {now}")),
            Monotonic::Decreasing if now > before => Some(format!("must not become higher: it is {before}, not {now}")),
            Monotonic::Increasing | Monotonic::Decreasing => None,
        }
    }
}

/// Compiles a regular expression. What it takes to look for it grows with the text alone.
pub(crate) fn compile(regex: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(regex).size_limit(MAX_REGEX_BYTES).build()
}
