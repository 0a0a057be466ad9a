//! Takes keys out of what a provider says, before a client hears it: some providers repeat the key
//! that they were called with, above all in errors.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use chatmesh_core::ExposeSecret as _;
use chatmesh_proto::llm::v1::HttpHeader;
use http::HeaderMap;
use memchr::memmem::{self, Finder};

use super::headers::downward;
use crate::classify::Classifier;
use crate::client::Target;

/// A shorter one would be no secret, and be found in harmless words.
const MIN_SECRET_BYTES: usize = 8;
/// The longest error that is waited for; a longer one passes in pieces.
const MAX_HELD_BYTES: usize = 64 * 1024;

/// What only the frame of an error has in it. In texts, quotes have a backslash before them.
const ERRORS: [&str; 7] = [
    "event: error",
    "event:error",
    "\"type\":\"error\"",
    "\"type\": \"error\"",
    "data: {\"error\"",
    "data:{\"error\"",
    "event: response.failed",
];

/// What passes from a provider to a client.
#[derive(Debug)]
pub(super) struct Veil {
    classifier: Classifier,
    key: Option<Finder<'static>>,
    /// The beginning of an error whose end was not read yet.
    held: BytesMut,
    saw_error: bool,
}

impl Veil {
    /// The veil for what is said in answer to a call with this target's key.
    pub(super) fn of(target: &Target) -> Self {
        let key = target.api_key.as_ref().map(|key| key.expose_secret());
        let key = key.filter(|key| key.len() >= MIN_SECRET_BYTES);
        let key = key.map(|key| Finder::new(key.as_bytes()).into_owned());
        Self { classifier: target.classifier(), key, held: BytesMut::new(), saw_error: false }
    }

    /// True once the provider said in the middle of a stream that it failed.
    pub(super) fn saw_error(&self) -> bool {
        self.saw_error
    }

    /// What the client may see of the headers.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Vec<HttpHeader> {
        let mut passed = downward(headers);
        for header in &mut passed {
            header.value = self.classifier.redacted(&header.value);
        }
        passed
    }

    /// The text of a refusal.
    pub(super) fn refusal(&self, body: &[u8]) -> String {
        self.classifier.redacted(&String::from_utf8_lossy(body))
    }

    /// A whole answer. Only the key itself is taken out of it: what looks like one may be what was asked for.
    pub(super) fn whole(&self, body: Bytes) -> Bytes {
        if self.has_key(&body) { self.redacted(&body) } else { body }
    }

    /// The next bytes of a stream.
    pub(super) fn stream(&mut self, bytes: Bytes) -> Bytes {
        let bytes = if self.held.is_empty() {
            bytes
        } else {
            self.held.extend_from_slice(&bytes);
            self.held.split().freeze()
        };
        if ERRORS.iter().any(|mark| memmem::find(&bytes, mark.as_bytes()).is_some()) {
            let is_whole = bytes.ends_with(b"\n\n") || bytes.ends_with(b"\n\r\n");
            if !is_whole && bytes.len() <= MAX_HELD_BYTES {
                self.held.extend_from_slice(&bytes);
                return Bytes::new();
            }
            self.saw_error = true;
            return self.redacted(&bytes);
        }
        if self.has_key(&bytes) { self.redacted(&bytes) } else { bytes }
    }

    /// What is left of a stream at its end.
    pub(super) fn end(&mut self) -> Bytes {
        if self.held.is_empty() {
            return Bytes::new();
        }
        self.saw_error = true;
        let held = self.held.split();
        self.redacted(&held)
    }

    fn has_key(&self, bytes: &[u8]) -> bool {
        self.key.as_ref().is_some_and(|key| key.find(bytes).is_some())
    }

    fn redacted(&self, bytes: &[u8]) -> Bytes {
        let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
        Bytes::from(self.classifier.redacted(&text))
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::SecretString;

    use super::*;

    const KEY: &str = "key-of-ours-0123456789";

    fn veil() -> Veil {
        Veil::of(&Target { api_key: Some(SecretString::from(KEY)), ..Target::default() })
    }

    fn streamed(veil: &mut Veil, text: &str, size: usize) -> String {
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            out.extend_from_slice(&veil.stream(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&veil.end());
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_has_no_secret_is_not_copied() {
        let bytes = Bytes::from_static(b"data: {\"text\":\"sk-an-example-0123456789abcdef\"}\n\n");
        assert_eq!(veil().stream(bytes.clone()).as_ptr(), bytes.as_ptr());
        assert_eq!(veil().whole(bytes.clone()).as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn an_error_in_a_stream_says_no_key_however_it_comes() {
        let error = format!(
            "event: error\ndata: {{\"type\":\"error\",\"message\":\"{KEY} or sk-other-0123456789abcdef\"}}\n\n"
        );
        let text = format!("data: {{\"text\":\"hello\"}}\n\n{error}");
        for size in [text.len(), 40] {
            let mut veil = veil();
            let shown = streamed(&mut veil, &text, size);
            assert!(veil.saw_error(), "{size}");
            assert!(shown.contains("hello") && shown.ends_with("\n\n"), "{shown}");
            assert!(!shown.contains(KEY) && !shown.contains("sk-other"), "{shown}");
        }
    }

    #[test]
    fn a_stream_that_ends_in_the_middle_of_an_error_says_no_key() {
        let mut veil = veil();
        let shown = streamed(&mut veil, &format!("event: error\ndata: {{\"message\":\"{KEY}\""), 1000);
        assert!(!shown.contains(KEY) && shown.starts_with("event: error"), "{shown}");
    }

    #[test]
    fn the_key_is_taken_out_of_whole_answers_and_headers() {
        let body =
            veil().whole(Bytes::from(format!("{{\"echo\":\"{KEY}\",\"text\":\"sk-an-example-0123456789abcdef\"}}")));
        let body = String::from_utf8(body.to_vec()).expect("text");
        assert!(!body.contains(KEY), "{body}");
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", KEY.parse().expect("a value"));
        headers.insert("retry-after", "3".parse().expect("a value"));
        let shown = veil().headers(&headers);
        assert!(shown.iter().all(|header| header.value != KEY), "{shown:?}");
        assert!(shown.iter().any(|header| header.value == "3"), "{shown:?}");
    }
}
