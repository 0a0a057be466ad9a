//! Text of what is kept.

use super::head_tail::{END_BYTES, HeadTail};
use super::long_lines::is_continuation;
use super::{CUT_MARKER, MAX_TEXT};

/// Room for the line that says what is missing: its words, a number of 20 digits, two line ends.
const MARKER_ROOM: usize = 64;

/// Output as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// The text; 32 KiB at most.
    pub(crate) text: String,
    /// How many bytes were written.
    pub(crate) original_bytes: u64,
    /// How many of them are in `text`.
    pub(crate) retained_bytes: u64,
    /// How many are not.
    pub(crate) omitted_bytes: u64,
}

/// A piece of text and how many source bytes it stands for.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    source: usize,
}

/// Makes text of `kept`, which is what remained of `written` bytes.
pub(super) fn render(kept: &HeadTail, written: u64) -> Rendered {
    let (head, head_cuts) = kept.head();
    let (tail, tail_cuts) = kept.tail();
    if kept.missing() > 0 {
        let head = &head[..whole_end(head)];
        let skipped = tail.iter().take(3).take_while(|&&byte| is_continuation(byte)).count();
        let tail_cuts: Vec<usize> = tail_cuts.iter().map(|at| at.saturating_sub(skipped)).collect();
        return with_gap(pieces(head, &head_cuts), pieces(&tail[skipped..], &tail_cuts), written);
    }

    let all = [head, &tail].concat();
    let cuts: Vec<usize> = head_cuts.iter().copied().chain(tail_cuts.iter().map(|at| head.len() + at)).collect();
    let pieces = pieces(&all, &cuts);
    let (text, retained) = join(&pieces);
    if text.len() <= MAX_TEXT {
        return rendered(text, written, retained);
    }
    // Bytes that are no UTF-8 take more room as text than they took as bytes.
    with_gap(pieces.clone(), pieces, written)
}

/// The beginning of `head`, a line that says what is missing, and the end of `tail`.
fn with_gap(head: Vec<Piece<'_>>, tail: Vec<Piece<'_>>, written: u64) -> Rendered {
    let (mut text, head_retained) = join(&first(head, END_BYTES));
    let (end, tail_retained) = join(&last(tail, MAX_TEXT - MARKER_ROOM - text.len()));
    let retained = head_retained + tail_retained;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("[... {} bytes omitted ...]\n", written - retained as u64));
    text.push_str(&end);
    rendered(text, written, retained)
}

fn rendered(text: String, written: u64, retained: usize) -> Rendered {
    let retained_bytes = retained as u64;
    Rendered { text, original_bytes: written, retained_bytes, omitted_bytes: written - retained_bytes }
}

/// Splits `bytes` at cuts and at what is no UTF-8.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().filter(|&&cut| cut <= bytes.len()) {
        add_text(&bytes[start..cut], &mut pieces);
        pieces.push(Piece { text: CUT_MARKER, source: 0 });
        start = cut;
    }
    add_text(&bytes[start..], &mut pieces);
    pieces
}

fn add_text<'a>(bytes: &'a [u8], pieces: &mut Vec<Piece<'a>>) {
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            pieces.push(Piece { text: chunk.valid(), source: chunk.valid().len() });
        }
        if !chunk.invalid().is_empty() {
            pieces.push(Piece { text: "\u{FFFD}", source: chunk.invalid().len() });
        }
    }
}

/// The first pieces of at most `room` bytes; the last of them may be cut.
fn first(mut pieces: Vec<Piece<'_>>, mut room: usize) -> Vec<Piece<'_>> {
    for index in 0..pieces.len() {
        let piece = pieces[index];
        if piece.text.len() > room {
            let text = &piece.text[..piece.text.floor_char_boundary(room)];
            pieces.truncate(index);
            pieces.extend(shortened(piece, text));
            break;
        }
        room -= piece.text.len();
    }
    pieces
}

/// The last pieces of at most `room` bytes; the first of them may be cut.
fn last(mut pieces: Vec<Piece<'_>>, mut room: usize) -> Vec<Piece<'_>> {
    for index in (0..pieces.len()).rev() {
        let piece = pieces[index];
        if piece.text.len() > room {
            let text = &piece.text[piece.text.ceil_char_boundary(piece.text.len() - room)..];
            pieces.splice(..=index, shortened(piece, text));
            break;
        }
        room -= piece.text.len();
    }
    pieces
}

/// A part of a piece; markers and replacements have no parts.
fn shortened<'a>(piece: Piece<'a>, text: &'a str) -> Option<Piece<'a>> {
    (piece.source == piece.text.len()).then_some(Piece { text, source: text.len() })
}

fn join(pieces: &[Piece<'_>]) -> (String, usize) {
    let text = pieces.iter().map(|piece| piece.text).collect();
    (text, pieces.iter().map(|piece| piece.source).sum())
}

/// Where `bytes` end without a character whose rest is elsewhere.
fn whole_end(bytes: &[u8]) -> usize {
    let Some(start) = (bytes.len().saturating_sub(4)..bytes.len()).rev().find(|&at| !is_continuation(bytes[at])) else {
        return bytes.len();
    };
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() => start + error.valid_up_to(),
        _ => bytes.len(),
    }
}
