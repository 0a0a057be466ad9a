//! Where the output of a terminal can be cut without damage.

/// How far to look back for the beginning of a sequence, and ahead for its end.
pub(super) const REACH: usize = 4 * 1024;

/// Where in the stream one is, as far as it matters for cutting it. Longer strings than [`REACH`],
/// such as pictures, are not recognised from their middle: this is cheap, not perfect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between characters and sequences.
    Text,
    /// So many bytes of a character are to come.
    Character(u8),
    /// After an escape and perhaps some intermediate bytes.
    Escape,
    /// In front of a character from another set.
    Shift,
    /// In a control sequence.
    Control,
    /// In a string, such as a title.
    String,
    /// After an escape in a string, which as a rule ends it.
    StringEscape,
}

impl Place {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            // What cancels every sequence.
            (_, 0x18 | 0x1a) | (Self::String, 0x07) | (Self::StringEscape, b'\\') => Self::Text,
            (Self::String, 0x1b) => Self::StringEscape,
            (Self::String, _) => Self::String,
            (_, 0x1b) => Self::Escape,
            (Self::Escape | Self::StringEscape, b'[') => Self::Control,
            (Self::Escape | Self::StringEscape, b']' | b'P' | b'X' | b'^' | b'_') => Self::String,
            (Self::Escape | Self::StringEscape, b'N' | b'O') => Self::Shift,
            (Self::Escape | Self::StringEscape, b' '..=b'/') => Self::Escape,
            (Self::Control, b'@'..=b'~') => Self::Text,
            (Self::Control, _) => Self::Control,
            (Self::Character(rest @ 2..), 0x80..=0xbf) => Self::Character(rest - 1),
            (_, 0xc2..=0xdf) => Self::Character(1),
            (_, 0xe0..=0xef) => Self::Character(2),
            (_, 0xf0..=0xf4) => Self::Character(3),
            _ => Self::Text,
        }
    }
}

/// How many bytes of `after` belong to a character or sequence that began in `before`, the bytes
/// in front of it.
pub(super) fn remainder(before: impl Iterator<Item = u8>, after: impl Iterator<Item = u8> + Clone) -> usize {
    let mut place = before.fold(Place::Text, Place::next);
    for (count, byte) in after.clone().take(REACH).enumerate() {
        if place == Place::Text {
            return count;
        }
        place = place.next(byte);
    }
    if place == Place::Text {
        return after.take(REACH).count();
    }
    // It does not end: then at least not in the middle of a character.
    after.take(3).take_while(|byte| matches!(byte, 0x80..=0xbf)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_falls_behind_the_character_or_sequence_that_it_would_tear() {
        let cases: &[(&[u8], &[u8], &[u8])] = &[
            (b"plain", b"text", b"text"),
            (b"", b"text", b"text"),
            (b"\xc3", b"\xa9x", b"x"),
            (b"\xf0\x9f", b"\x98\x80x", b"x"),
            (b"\xe2\x82\xac", b"x", b"x"),
            (b"\x1b", b"[31mred", b"red"),
            (b"\x1b[3", b"1mred", b"red"),
            (b"\x1b(", b"Bx", b"x"),
            (b"\x1bO", b"Px", b"x"),
            (b"\x1b]0;ti", b"tle\x07x", b"x"),
            (b"\x1b]0;ti", b"tle\x1b\\x", b"x"),
            (b"\x1bPq#0;2", b";0\x1b\\x", b"x"),
            (b"\x1b[31", b"\x18x", b"x"),
            (b"\x1b[31", b"\x1b[32mx", b"x"),
            (b"\x1b", b"\xc3\xa9x", b"x"),
            (b"\x1b]", b"\x1b\xc3\xa9x", b"x"),
        ];
        for (before, after, expected) in cases {
            let count = remainder(before.iter().copied(), after.iter().copied());
            assert_eq!(&after[count..], *expected, "{before:?} | {after:?}");
        }
    }

    #[test]
    fn a_string_without_an_end_is_cut_between_characters() {
        let after = "\u{20ac}".repeat(REACH);
        let (before, after) = (b"\x1b]0;\xe2", &after.as_bytes()[1..]);
        assert_eq!(remainder(before.iter().copied(), after.iter().copied()), 2);
    }
}
