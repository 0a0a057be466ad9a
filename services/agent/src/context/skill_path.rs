//! Paths of files of a skill.

use std::path::Path;

use super::error::Error;

/// The longest path in bytes.
const MAX_BYTES: usize = 4096;

/// Takes a path that stays where it is: relative, not upwards, nothing hidden.
pub(super) fn relative(path: &str) -> Result<&Path, Error> {
    let invalid = |problem: &str| Err(Error::Invalid(format!("`path` {problem}")));
    if path.is_empty() || path.len() > MAX_BYTES {
        return invalid("must have 1 to 4096 bytes");
    }
    if path.starts_with('/') {
        return invalid("must be relative to the directory of the skill");
    }
    if path.contains('\0') {
        return invalid("must not contain NUL");
    }
    // Of those that begin with a dot, `..` leads out and `.` nowhere; others are hidden on purpose.
    if path.split('/').any(|part| part.starts_with('.')) {
        return invalid("must have no part that begins with a dot");
    }
    Ok(Path::new(path))
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_that_go_down_are_taken() {
        for path in ["a", "a/b.txt", "a//b", "a b/ü", "a/", "a..b", "a.", "~/x", "-rf", "a\\..\\b"] {
            assert!(relative(path).is_ok(), "{path}");
        }
        for path in ["", "/a", "//a", "..", "../a", "a/..", "a/../b", ".", "./a", ".env", "a/.git/config", "a\0b"] {
            assert!(matches!(relative(path), Err(Error::Invalid(_))), "{path:?}");
        }
        assert!(relative(&"a".repeat(4097)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_below(path in "[a./~ é\\\\]{0,24}") {
            if let Ok(taken) = relative(&path) {
                let parts: Vec<_> = taken.components().collect();
                prop_assert!(!parts.is_empty());
                prop_assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
            }
        }
    }
}
