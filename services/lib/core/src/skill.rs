//! What makes a text a skill, wherever it is kept.

mod frontmatter;

pub use frontmatter::{Frontmatter, Problem, split};

/// The longest name in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// True for lowercase words of ASCII letters and digits, joined by single hyphens.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= MAX_NAME_BYTES && name.split('-').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lowercase_words_with_hyphens_between_them() {
        for name in ["deploy", "a", "how-to-deploy", "2fa", "a-1-b", &"x".repeat(MAX_NAME_BYTES)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-", "-a", "a-", "a--b", "Deploy", "a_b", "a b", "ä", "a/b", "..", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
