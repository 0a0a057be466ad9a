//! Takes keys out of what a provider says, before a client hears it: some providers repeat the key
//! that they were called with, above all in errors.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use chatmesh_core::ExposeSecret as _;
use chatmesh_proto::llm::v1::HttpHeader;
use http::HeaderMap;
use memchr::memmem::{self, Finder};

use super::headers::downward;
use super::tap::first_frame;
use crate::classify::Classifier;
use crate::client::Target;

/// A shorter one would be no secret, and be found in harmless words.
const MIN_SECRET_BYTES: usize = 8;
/// The longest error that is waited for; a longer one passes in pieces.
const MAX_HELD_BYTES: usize = 64 * 1024;

/// What the frame of an error has in it, and some others too.
const MARKS: [&[u8]; 2] = [b"error", b"response.failed"];

/// The kinds of events that end an answer with an error.
const ERRORS: [&str; 2] = ["error", "response.failed"];

/// What stands in the place of a key.
const HIDDEN: &[u8] = b"[redacted]";

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
        self.without_key(body)
    }

    /// The next bytes of a stream.
    pub(super) fn stream(&mut self, bytes: Bytes) -> Bytes {
        if self.held.is_empty() && !MARKS.iter().any(|mark| memmem::find(&bytes, mark).is_some()) {
            return self.without_key(bytes);
        }
        self.held.extend_from_slice(&bytes);
        let mut passed = BytesMut::with_capacity(self.held.len());
        while let Some(end) = first_frame(&self.held) {
            let frame = self.held.split_to(end).freeze();
            passed.extend_from_slice(&self.frame(frame));
        }
        // Something this long is no error.
        if self.held.len() > MAX_HELD_BYTES {
            let held = self.held.split().freeze();
            passed.extend_from_slice(&self.without_key(held));
        }
        passed.freeze()
    }

    /// What is left of a stream at its end.
    pub(super) fn end(&mut self) -> Bytes {
        let held = self.held.split().freeze();
        // Half an error cannot be read, and nobody needs its ids.
        match MARKS.iter().any(|mark| memmem::find(&held, mark).is_some()) {
            true => Bytes::from(self.classifier.redacted(&String::from_utf8_lossy(&held))),
            false => self.without_key(held),
        }
    }

    fn frame(&mut self, frame: Bytes) -> Bytes {
        if !is_error(&frame) {
            return self.without_key(frame);
        }
        self.saw_error = true;
        Bytes::from(self.classifier.redacted(&String::from_utf8_lossy(&frame)))
    }

    fn without_key(&self, bytes: Bytes) -> Bytes {
        let Some(key) = &self.key else { return bytes };
        let mut places = key.find_iter(&bytes).peekable();
        if places.peek().is_none() {
            return bytes;
        }
        let (mut passed, mut from) = (BytesMut::with_capacity(bytes.len()), 0);
        for place in places {
            passed.extend_from_slice(&bytes[from..place]);
            passed.extend_from_slice(HIDDEN);
            from = place + key.needle().len();
        }
        passed.extend_from_slice(&bytes[from..]);
        passed.freeze()
    }
}

/// True for the frame of an error that ends an answer.
fn is_error(frame: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Said<'a> {
        #[serde(borrow, default)]
        r#type: Option<Cow<'a, str>>,
        #[serde(default)]
        error: Option<serde::de::IgnoredAny>,
    }
    frame.split(|byte| *byte == b'\n').any(|line| {
        if let Some(name) = line.strip_prefix(b"event:") {
            return ERRORS.iter().any(|error| name.trim_ascii() == error.as_bytes());
        }
        let said = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice::<Said<'_>>(data).ok());
        said.is_some_and(|said| said.error.is_some() || said.r#type.is_some_and(|kind| ERRORS.contains(&&*kind)))
    })
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
        for size in 1..=text.len() {
            let mut veil = veil();
            let shown = streamed(&mut veil, &text, size);
            assert!(shown.starts_with("data: {\"text\":\"hello\"}\n\n") && shown.ends_with("\n\n"), "{shown}");
            // In pieces that are shorter than their marks, errors are not known.
            if size >= error.len() {
                assert!(veil.saw_error(), "{size}");
                assert!(!shown.contains(KEY) && !shown.contains("sk-other"), "{shown}");
            }
        }
    }

    #[test]
    fn an_answer_that_speaks_of_errors_passes_as_it_is() {
        let item = "data: {\"type\":\"response.output_text.done\",\"item_id\":\"msg_0123456789abcdef\",\
            \"text\":\"write event: error and {\\\"type\\\":\\\"error\\\"}\"}\n\n";
        let created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_0123456789abcdef\",\
            \"error\":null,\"metadata\":{\"type\":\"error\"}}}\n\n";
        let text = format!("{created}{item}");
        for size in [text.len(), 50, 7, 1] {
            let mut veil = veil();
            assert_eq!(streamed(&mut veil, &text, size), text, "{size}");
            assert!(!veil.saw_error());
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
