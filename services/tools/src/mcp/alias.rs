//! Names under which the tools of servers are offered. Servers name themselves and their tools as they like; model
//! providers take letters, digits, `_` and `-`, 64 of them, and refuse the whole request for one name that is
//! otherwise.

use sha2::{Digest as _, Sha256};

use super::SEPARATOR;

/// The longest name that every provider takes.
const MAX_BYTES: usize = 64;
/// How much of a server's name stays in an alias.
const MAX_SERVER_BYTES: usize = 24;
/// How many digits tell aliases apart that look the same otherwise.
const DIGITS: usize = 10;

/// What the tool is called for models: its own name where providers take that. What comes of a name depends on
/// nothing else, so that it is the same in every turn and in every process.
pub(crate) fn alias(name: &str) -> String {
    if is_plain(name) && name.len() <= MAX_BYTES && !is_alias(name) {
        return name.to_owned();
    }
    let (server, tool) = name.split_once(SEPARATOR).unwrap_or(("", name));
    let mut alias = plain(server, MAX_SERVER_BYTES);
    alias.push_str(SEPARATOR);
    alias.push_str(&plain(tool, MAX_BYTES - alias.len() - 1 - DIGITS));
    alias.push('_');
    let digest = Sha256::digest(name);
    alias.extend(digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")));
    alias
}

/// True for a name that stands for another one. A tool whose own name looks like that has an alias, too: so none
/// is mistaken for the other.
pub(crate) fn is_alias(name: &str) -> bool {
    let digits = name.rsplit_once('_').map(|(_, digits)| digits);
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
}

fn is_plain(name: &str) -> bool {
    name.chars().all(is_taken)
}

/// At most `max` bytes, with `_` in the place of what providers do not take.
fn plain(text: &str, max: usize) -> String {
    text.chars().take(max).map(|letter| if is_taken(letter) { letter } else { '_' }).collect()
}

fn is_taken(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_that_every_provider_takes_stays() {
        let longest = format!("s__{}", "t".repeat(61));
        for name in ["git__log", "git-hub__get_file", "a__b__c", longest.as_str(), "a__b_0123456789abcdef"] {
            assert_eq!(alias(name), name);
        }
    }

    /// M14: whatever a server calls itself and its tools, every tool has a name of its own that providers take.
    #[test]
    fn m14_other_names_are_made_such_and_stay_apart() {
        let long = "x".repeat(64);
        let names = [
            "GitHub Copilot__search".to_owned(),
            "GitHub.Copilot__search".to_owned(),
            "figma__get.file".to_owned(),
            "figma__get file".to_owned(),
            "ü__日本".to_owned(),
            "a.b/c__".to_owned(),
            "a__\u{200B}".to_owned(),
            format!("{long}__{long}"),
            format!("{long}__{long}y"),
            format!("s__{}", "t".repeat(62)),
        ];
        let aliases: BTreeSet<String> = names.iter().map(|name| alias(name)).collect();
        assert_eq!(aliases.len(), names.len(), "{aliases:?}");
        for alias in &aliases {
            assert!(is_plain(alias) && alias.len() <= MAX_BYTES && alias.contains(SEPARATOR), "{alias}");
            assert!(is_alias(alias), "{alias}");
            assert_ne!(&super::alias(alias), alias, "a tool that is called like this is another one");
        }
        assert!(alias("GitHub Copilot__search").starts_with("GitHub_Copilot__search_"));
    }
}
