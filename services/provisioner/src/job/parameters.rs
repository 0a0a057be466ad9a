//! The values of parameters on their way into a workspace.

use std::collections::{BTreeMap, HashMap};

use super::InvalidJob;

/// What the names of variables with values of parameters begin with. Agents pass these on to what they run.
const PREFIX: &str = "CHATMESH_PARAMETER_";

/// The variable for each parameter: its name in upper case, with `_` for what is no letter and no digit. Of names that
/// come to the same, the last in the alphabet counts, so that every build of a workspace decides alike.
pub(super) fn variables(parameters: HashMap<String, String>) -> Result<BTreeMap<String, String>, InvalidJob> {
    let sorted: BTreeMap<_, _> = parameters.into_iter().collect();
    let with_nul = sorted.iter().find(|(_, value)| value.contains('\0'));
    if let Some((name, _)) = with_nul {
        return Err(InvalidJob::Parameter(name.clone()));
    }
    Ok(sorted.into_iter().map(|(name, value)| (variable(&name), value)).collect())
}

/// True for the name of a variable with the value of a parameter.
pub(crate) fn is_parameter(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.strip_prefix(PREFIX).is_some_and(|name| name.chars().all(is_fine))
}

fn variable(name: &str) -> String {
    let fitting = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    PREFIX.chars().chain(name.chars().map(fitting)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<BTreeMap<String, String>, InvalidJob> {
        variables(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn names_become_those_of_variables_and_values_stay_as_they_are() {
        let found = of(&[("size", "large"), ("git-branch", "a b\n'c'"), ("zürich.2", "")]).expect("variables");
        let expected = [
            ("CHATMESH_PARAMETER_GIT_BRANCH", "a b\n'c'"),
            ("CHATMESH_PARAMETER_SIZE", "large"),
            ("CHATMESH_PARAMETER_Z_RICH_2", ""),
        ];
        assert_eq!(found.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_that_come_to_the_same_are_decided_alike_each_time() {
        for _ in 0..20 {
            let found = of(&[("a-b", "first"), ("a_b", "last")]).expect("variables");
            assert_eq!(found["CHATMESH_PARAMETER_A_B"], "last");
        }
    }

    #[test]
    fn a_value_that_no_variable_may_have_is_refused_by_name() {
        assert_eq!(of(&[("ok", "x"), ("bad", "a\0b")]), Err(InvalidJob::Parameter("bad".to_owned())));
    }
}
