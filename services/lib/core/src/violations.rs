//! Everything that is wrong with a request, field by field.

use std::fmt::{self, Display};

use uuid::Uuid;

use crate::ParseIdError;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field in the request, like `content[0].text`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub description: String,
}

/// A list of violations that is never an error while it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A list with one violation.
    #[must_use]
    pub fn one(field: impl Into<String>, description: impl Display) -> Self {
        let mut violations = Self::new();
        violations.add(field, description);
        violations
    }

    /// Adds a violation.
    pub fn add(&mut self, field: impl Into<String>, description: impl Display) {
        self.0.push(Violation { field: field.into(), description: description.to_string() });
    }

    /// Keeps the value of `result`, or adds what is wrong with `field`.
    pub fn check<T, E: Display>(&mut self, field: impl Into<String>, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    /// Reads an identifier that may be left out; the empty text is none.
    pub fn optional_id(&mut self, field: impl Into<String>, text: &str) -> Option<Uuid> {
        if text.is_empty() {
            return None;
        }
        self.check(field, Uuid::try_parse(text).map_err(|_| ParseIdError))
    }

    /// Adds a violation where `allowed` is false.
    pub fn require(&mut self, allowed: bool, field: impl Into<String>, description: impl Display) {
        if !allowed {
            self.add(field, description);
        }
    }

    /// True where nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the violations.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// Returns `value` where nothing is wrong.
    ///
    /// # Errors
    /// The list itself, where something is, or where `value` is missing.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{}` {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}
