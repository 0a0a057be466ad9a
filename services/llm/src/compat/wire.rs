//! Writes JSON straight into a buffer.

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};
use serde::Serialize;

/// Appends a text as it is.
pub(super) fn put(out: &mut BytesMut, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends a value as JSON. Our values always serialise, and a buffer takes everything.
pub(super) fn json(out: &mut BytesMut, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "a value of ours always serialises");
}

/// Appends a number.
pub(super) fn number(out: &mut BytesMut, value: u64) {
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok(), "a buffer takes everything");
}

/// A value as a text of JSON.
pub(super) fn json_text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What of a text was not sent yet. Pieces are a prefix of the whole; where they are not, nothing
/// that was said can be taken back.
pub(super) fn rest_of(whole: &str, sent: usize) -> &str {
    whole.get(sent..).unwrap_or_default()
}
