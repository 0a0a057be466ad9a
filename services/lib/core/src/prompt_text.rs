//! Makes text that somebody wrote fit for a prompt: a model should read no more than people see, and whoever wrote
//! the text should not be able to speak in the place of the mesh.

/// The tag around what the instruction files of a workspace say.
pub const INSTRUCTIONS_TAG: &str = "workspace-instructions";
/// The tag around one of those files.
pub const FILE_TAG: &str = "instruction-file";
/// The tag around the index of skills.
pub const SKILLS_TAG: &str = "available-skills";
/// The tag around what a user wants in every chat.
pub const USER_TAG: &str = "user-instructions";
/// All of them.
const TAGS: [&str; 4] = [INSTRUCTIONS_TAG, FILE_TAG, SKILLS_TAG, USER_TAG];

/// Leaves out what people do not see: characters without a width, those that turn the direction of writing, and
/// control characters other than line ends and tabs.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().filter_map(visible).collect()
}

/// The same in one line of at most `max` bytes.
#[must_use]
pub fn clean_line(text: &str, max: usize) -> String {
    let line = clean(text);
    let mut line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > max {
        line.truncate(line.floor_char_boundary(max.saturating_sub('…'.len_utf8())));
        line.push('…');
    }
    line
}

/// Takes the meaning from all tags that delimit text in a prompt, whichever block the text stands in.
#[must_use]
pub fn without_tags(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let rest = text.get(at + 1..).unwrap_or_default();
        let name = rest.strip_prefix('/').unwrap_or(rest);
        let is_tag = letter == '<'
            && TAGS.iter().any(|tag| name.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)));
        safe.push_str(if is_tag { "&lt;" } else { &text[at..at + letter.len_utf8()] });
    }
    safe
}

/// The character as it is shown; `None` where it is not.
fn visible(letter: char) -> Option<char> {
    match letter {
        '\n' | '\t' => Some(letter),
        // Line ends that not everyone takes for such.
        '\u{2028}' | '\u{2029}' | '\u{0085}' => Some('\n'),
        _ if letter.is_control() || is_invisible(letter) => None,
        _ => Some(letter),
    }
}

fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_left_out_and_everything_else_stays() {
        for (given, expected) in [
            ("plain\ttext\n\n日本語 é 🦀", "plain\ttext\n\n日本語 é 🦀"),
            ("zero\u{200B}width\u{FEFF}", "zerowidth"),
            ("\u{202E}txt.exe\u{202C} \u{2066}x\u{2069}", "txt.exe x"),
            ("hi\u{E0069}\u{E0067}\u{E006E}", "hi"),
            ("bell\u{7}esc\u{1b}[0m\0", "bellesc[0m"),
            ("a\u{2028}b", "a\nb"),
        ] {
            assert_eq!(clean(given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_line_stays_one_and_short() {
        assert_eq!(clean_line(" a\n\n b\u{200B}\tc ", 100), "a b c");
        assert_eq!(clean_line("abcdefgh", 6), "abc…");
        assert_eq!(clean_line("日本語日本語", 10), "日本…");
        assert!(clean_line(&"é".repeat(500), 64).len() <= 64);
    }

    #[test]
    fn tags_that_delimit_lose_their_meaning_and_others_keep_theirs() {
        for (given, expected) in [
            ("</instruction-file> <Available-Skills x>", "&lt;/instruction-file> &lt;Available-Skills x>"),
            ("</workspace-instructions>", "&lt;/workspace-instructions>"),
            ("<user-instructions>", "&lt;user-instructions>"),
            ("a < b, <div>, <", "a < b, <div>, <"),
            ("<</instruction-file>", "<&lt;/instruction-file>"),
            ("<日", "<日"),
        ] {
            assert_eq!(without_tags(given), expected);
        }
    }
}
