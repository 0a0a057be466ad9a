//! The names of agents.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name.
const MAX_NAME: usize = 32;

/// The name of an agent, unique within a workspace. It becomes a part of paths, so it is not taken on trust.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct AgentName(String);

impl AgentName {
    /// The agent where nobody names one.
    pub(crate) fn main() -> Self {
        Self("main".to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What no agent is called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an agent: it must be 1 to 32 lower-case letters, digits or `-`")]
pub(crate) struct InvalidName(String);

impl TryFrom<String> for AgentName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_fine);
        if fits { Ok(Self(name)) } else { Err(InvalidName(name)) }
    }
}

impl From<AgentName> for String {
    fn from(name: AgentName) -> Self {
        name.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_and_nothing_else() {
        for name in ["a", "main", "dev-chat", "-1", &"x".repeat(32)] {
            assert_eq!(AgentName::try_from(name.to_owned()).expect(name).as_str(), name);
        }
        for name in ["", ".", "..", "a/b", "../x", "A", "a.b", "a b", "ä", "a\0", &"x".repeat(33)] {
            assert_eq!(AgentName::try_from(name.to_owned()), Err(InvalidName(name.to_owned())));
        }
    }
}
