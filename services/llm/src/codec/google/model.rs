//! What a model's name tells of what it takes.

use crate::classify::Failure;
use crate::codec::model_path;

/// A model, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model<'a> {
    pub(super) name: &'a str,
    /// 2.5 of `gemini-2.5-pro`.
    version: (u32, u32),
}

/// What stands in for a version that the name does not tell.
const USUAL: (u32, u32) = (2, 5);
/// What aliases stand for.
const LATEST: (u32, u32) = (3, 0);

impl<'a> Model<'a> {
    /// # Errors
    /// The name cannot stand in a path.
    pub(super) fn of(name: &'a str) -> Result<Self, Failure> {
        let name = model_path::segment(name.strip_prefix("models/").unwrap_or(name))?;
        Ok(Self { name, version: version(name) })
    }

    /// Of the third generation or later: it thinks at levels, wants its signatures back, and takes
    /// beside tools what earlier ones do not.
    pub(super) fn is_third(&self) -> bool {
        self.version >= (3, 0)
    }

    pub(super) fn thinks(&self) -> bool {
        self.version >= (2, 5) && !self.is_gemma()
    }

    /// Models of this kind never stop thinking.
    pub(super) fn is_pro(&self) -> bool {
        self.name.split('-').any(|word| word == "pro")
    }

    /// An open model, which knows no instructions of a system.
    pub(super) fn is_gemma(&self) -> bool {
        self.name.starts_with("gemma")
    }
}

fn version(name: &str) -> (u32, u32) {
    let Some(rest) = name.strip_prefix("gemini-") else { return USUAL };
    let mut numbers = rest.split(['-', '.']).map_while(|number| number.parse::<u32>().ok());
    match numbers.next() {
        // A number that long is a date or a version of the weights.
        Some(major) => (major, numbers.next().filter(|minor| *minor < 10).unwrap_or(0)),
        None if name.ends_with("-latest") => LATEST,
        None => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_version() {
        for (name, expected) in [
            ("gemini-2.5-pro", (2, 5)),
            ("models/gemini-2.0-flash-001", (2, 0)),
            ("gemini-3-pro-preview", (3, 0)),
            ("gemini-3.1-flash", (3, 1)),
            ("gemini-flash-latest", LATEST),
            ("gemini-exp-1206", USUAL),
            ("tuned", USUAL),
        ] {
            assert_eq!(Model::of(name).unwrap().version, expected, "{name}");
        }
    }

    #[test]
    fn a_model_that_cannot_stand_in_a_path_is_refused() {
        for name in ["", "a/b", "..", "a%2f", "a?b", "a#b", "models/", "models/models/a"] {
            assert!(Model::of(name).is_err(), "{name}");
        }
    }
}
