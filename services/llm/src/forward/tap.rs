//! Reads the usage out of an answer that passes through, and takes out what the client did not ask for.

mod usage;

use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::Usage;
use chatmesh_proto::llm::v1::Finish;
use memchr::memmem;

use self::usage::{is_usage_alone, merged, read};
use crate::compat::Dialect;
use crate::spend::estimate::tokens_of;

/// The longest event that is looked into, in bytes. A longer one passes unread.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// Looks at the frames of a stream, or at a whole answer, as they pass.
#[derive(Debug)]
pub(super) struct Tap {
    dialect: Dialect,
    /// The usage of a stream of Chat Completions was asked for by us alone: its frame is taken out.
    hides_usage: bool,
    /// A frame whose end was not read yet.
    open: BytesMut,
    usage: Option<Usage>,
    /// The last event of the answer was read, or one that is too long to be looked into.
    has_ended: bool,
    /// How many bytes were said.
    said: usize,
    /// The stream ended in the middle of a frame.
    ended_within: bool,
}

/// The fields in which a piece of an answer stands.
fn pieces_of(dialect: Dialect) -> &'static [&'static [u8]] {
    match dialect {
        Dialect::ChatCompletions => &[b"\"content\":", b"\"reasoning_content\":", b"\"arguments\":"],
        Dialect::Responses => &[b"\"delta\":"],
        Dialect::Messages => &[b"\"text\":", b"\"thinking\":", b"\"partial_json\":"],
    }
}

/// The bytes of the texts that stand in these fields. One that is cut counts as far as it is there.
fn said_in(bytes: &[u8], fields: &[&[u8]]) -> usize {
    let values = fields.iter().flat_map(|field| memmem::find_iter(bytes, field).map(|at| &bytes[at + field.len()..]));
    values.filter_map(|value| value.trim_ascii_start().strip_prefix(b"\"")).map(text_len).sum()
}

/// How long a text is that begins here, up to the quote that ends it.
fn text_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += next;
        if text[at] == b'"' {
            return at;
        }
        // What is escaped ends nothing.
        at = (at + 2).min(text.len());
    }
    text.len()
}

impl Tap {
    pub(super) fn new(dialect: Dialect, hides_usage: bool) -> Self {
        Self {
            dialect,
            hides_usage,
            open: BytesMut::new(),
            usage: None,
            has_ended: false,
            said: 0,
            ended_within: false,
        }
    }

    /// What was used, as far as the answer said.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What a call took, as far as its answer said.
    pub(super) fn finish(&self) -> Finish {
        Finish { usage: self.usage, ..Finish::default() }
    }

    /// About how many tokens were said.
    pub(super) fn output_tokens(&self) -> u32 {
        tokens_of(self.said)
    }

    /// True once the answer was complete.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// True where the stream did not end in the middle of a frame.
    pub(super) fn was_between_frames(&self) -> bool {
        !self.ended_within
    }

    /// True where nothing of a frame is open: something may be put between.
    pub(super) fn is_between_frames(&self) -> bool {
        self.open.is_empty()
    }

    /// Reads the next bytes of a stream and returns what of them passes, which may be nothing yet.
    pub(super) fn stream(&mut self, chunk: Bytes) -> Bytes {
        self.said += said_in(&chunk, pieces_of(self.dialect));
        if self.open.is_empty() && !self.hides_usage {
            if let Some(end) = ends_frame(&chunk) {
                self.look(&chunk[..end]);
                self.open.extend_from_slice(&chunk[end..]);
            } else {
                self.keep(&chunk);
            }
            return chunk;
        }
        if self.hides_usage {
            return self.filter(&chunk);
        }
        self.keep(&chunk);
        if let Some(end) = ends_frame(&self.open) {
            let frames = self.open.split_to(end);
            self.look(&frames);
        }
        chunk
    }

    /// What is left of a stream at its end.
    pub(super) fn end(&mut self) -> Bytes {
        let rest = self.open.split().freeze();
        self.ended_within = !rest.is_empty();
        self.look(&rest);
        if self.hides_usage { rest } else { Bytes::new() }
    }

    /// Reads a whole answer.
    pub(super) fn whole(&mut self, body: &[u8]) {
        self.usage = read(self.dialect, body).or(self.usage);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.open.len() + bytes.len() <= MAX_EVENT_BYTES {
            self.open.extend_from_slice(bytes);
        } else {
            self.has_ended = true;
            self.open.clear();
        }
    }

    /// Lets whole frames pass, that of the usage excepted.
    fn filter(&mut self, chunk: &[u8]) -> Bytes {
        self.open.extend_from_slice(chunk);
        let Some(end) = ends_frame(&self.open) else {
            // Something that is no frame is not held back for ever.
            if self.open.len() <= MAX_EVENT_BYTES {
                return Bytes::new();
            }
            self.has_ended = true;
            return self.open.split().freeze();
        };
        let frames = self.open.split_to(end).freeze();
        self.look(&frames);
        if self.usage.is_none() || memmem::find(&frames, b"\"usage\"").is_none() {
            return frames;
        }
        let mut passed = BytesMut::with_capacity(frames.len());
        let mut rest: &[u8] = &frames;
        while let Some(end) = first_frame(rest) {
            let (frame, after) = rest.split_at(end);
            if !is_usage_alone(frame) {
                passed.extend_from_slice(frame);
            }
            rest = after;
        }
        passed.extend_from_slice(rest);
        passed.freeze()
    }

    /// Reads what complete frames say of the usage.
    fn look(&mut self, frames: &[u8]) {
        // In texts, quotes have a backslash before them.
        let lasts: &[&[u8]] = match self.dialect {
            Dialect::ChatCompletions => &[b"[DONE]", b"\"finish_reason\":\"", b"\"finish_reason\": \""],
            Dialect::Responses => &[b"\"response.completed\"", b"\"response.incomplete\"", b"\"response.failed\""],
            Dialect::Messages => &[b"\"message_stop\""],
        };
        self.has_ended |= lasts.iter().any(|last| memmem::find(frames, last).is_some());
        // Most pieces of an answer say nothing of it.
        if memmem::find(frames, b"usage").is_none() {
            return;
        }
        for line in frames.split(|byte| *byte == b'\n') {
            let Some(data) = line.strip_prefix(b"data:") else { continue };
            if memmem::find(data, b"\"usage\"").is_some()
                && let Some(usage) = read(self.dialect, data)
            {
                self.usage = Some(merged(self.usage, usage));
            }
        }
    }
}

/// The end of the last complete frame.
fn ends_frame(bytes: &[u8]) -> Option<usize> {
    let by_feeds = memmem::rfind(bytes, b"\n\n").map(|at| at + 2);
    let by_both = memmem::rfind(bytes, b"\n\r\n").map(|at| at + 3);
    by_feeds.max(by_both)
}

/// The end of the first complete frame.
pub(super) fn first_frame(bytes: &[u8]) -> Option<usize> {
    let by_feeds = memmem::find(bytes, b"\n\n").map(|at| at + 2);
    let by_both = memmem::find(bytes, b"\n\r\n").map(|at| at + 3);
    match (by_feeds, by_both) {
        (Some(feeds), Some(both)) => Some(feeds.min(both)),
        (feeds, both) => feeds.or(both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"usage of \\\"usage\\\"\"}}]}\n\n\
        : comment\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,\
        \"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n\
        data: [DONE]\n\n";

    /// What passes of a stream that comes in chunks of this size.
    fn passed(tap: &mut Tap, stream: &str, size: usize) -> String {
        let mut out = Vec::new();
        for chunk in stream.as_bytes().chunks(size) {
            out.extend_from_slice(&tap.stream(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&tap.end());
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn bytes_pass_as_they_are_and_their_usage_is_known_however_they_are_cut() {
        for size in [1, 2, 7, 50, 10_000] {
            let mut tap = Tap::new(Dialect::ChatCompletions, false);
            assert_eq!(passed(&mut tap, CHAT, size), CHAT);
            let usage = tap.usage().expect("usage");
            assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (Some(6), Some(5), Some(4)));
        }
    }

    #[test]
    fn an_answer_has_ended_with_its_last_event_and_not_before() {
        let whole = [
            (Dialect::ChatCompletions, CHAT),
            (Dialect::Responses, "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n"),
            (Dialect::Messages, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        ];
        let said =
            "data: {\"text\":\"\\\"message_stop\\\" and \\\"response.completed\\\"\",\"finish_reason\":null}\n\n";
        for (dialect, last) in whole {
            for size in [1, 5, 10_000] {
                for hides_usage in [false, true] {
                    let mut tap = Tap::new(dialect, hides_usage);
                    passed(&mut tap, said, size);
                    assert!(!tap.has_ended(), "{dialect:?}");
                    let mut tap = Tap::new(dialect, hides_usage);
                    passed(&mut tap, &format!("{said}{last}"), size);
                    assert!(tap.has_ended() && tap.was_between_frames(), "{dialect:?} {size}");
                }
            }
        }
    }

    #[test]
    fn what_was_said_is_counted() {
        let cases = [
            (Dialect::ChatCompletions, r#"{"choices":[{"delta":{"role":"assistant","content": "a \"b\" \\"}}]}"#, 10),
            (
                Dialect::ChatCompletions,
                r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"arguments":"{}"}]}}]}"#,
                2,
            ),
            (Dialect::Responses, r#"{"type":"response.output_text.delta","delta":"four"}"#, 4),
            (Dialect::Messages, r#"{"type":"ping"}"#, 0),
            (Dialect::Messages, r#"{"delta":{"type":"text_delta","text":"four"}}"#, 4),
            (Dialect::Messages, r#"{"delta":{"text":"cut in the"#, 10),
            (Dialect::Messages, r#"{"delta":{"text":"cut\"#, 4),
        ];
        for (dialect, event, expected) in cases {
            let mut tap = Tap::new(dialect, false);
            tap.stream(Bytes::from(format!("data: {event}")));
            assert_eq!(tap.said, expected, "{event}");
        }
    }

    #[test]
    fn a_usage_that_the_client_did_not_ask_for_is_taken_out_alone() {
        let start = CHAT.find("data: {\"choices\":[],").expect("a frame");
        let end = CHAT.find("data: [DONE]").expect("an end");
        let expected = format!("{}{}", &CHAT[..start], &CHAT[end..]);
        for size in [1, 2, 7, 50, 10_000] {
            let mut tap = Tap::new(Dialect::ChatCompletions, true);
            assert_eq!(passed(&mut tap, CHAT, size), expected, "{size}");
            assert_eq!(tap.usage().and_then(|usage| usage.total_tokens), Some(15));
        }
    }

    #[test]
    fn a_last_frame_without_its_end_passes() {
        let mut tap = Tap::new(Dialect::ChatCompletions, true);
        assert_eq!(passed(&mut tap, "data: {\"error\":{}}", 3), "data: {\"error\":{}}");
    }

    #[test]
    fn later_counts_of_messages_stand_in_for_earlier_ones() {
        let stream = "event: message_start\n\
            data: {\"message\":{\"usage\":{\"input_tokens\":20,\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\n\
            event: message_delta\ndata: {\"delta\":{},\"usage\":{\"output_tokens\":30}}\n\n";
        let mut tap = Tap::new(Dialect::Messages, false);
        assert_eq!(passed(&mut tap, stream, 11), stream);
        let usage = tap.usage().expect("usage");
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (Some(20), Some(30), Some(7)));
    }

    #[test]
    fn reasoning_beside_the_answer_is_part_of_the_output() {
        let body = br#"{"choices":[{}],"usage":{"prompt_tokens":468,"completion_tokens":77,"total_tokens":1127,
            "completion_tokens_details":{"reasoning_tokens":582}}}"#;
        let mut tap = Tap::new(Dialect::ChatCompletions, false);
        tap.whole(body);
        assert_eq!(tap.usage().and_then(|usage| usage.output_tokens), Some(659));
    }

    #[test]
    fn whole_answers_of_responses_and_its_last_event_say_the_same() {
        let usage =
            r#"{"input_tokens":9,"output_tokens":4,"total_tokens":13,"output_tokens_details":{"reasoning_tokens":2}}"#;
        let mut whole = Tap::new(Dialect::Responses, false);
        whole.whole(format!(r#"{{"id":"r","usage":{usage}}}"#).as_bytes());
        let mut stream = Tap::new(Dialect::Responses, false);
        let frame = format!("event: response.completed\ndata: {{\"response\":{{\"usage\":{usage}}}}}\n\n");
        passed(&mut stream, &frame, 5);
        assert_eq!(whole.usage(), stream.usage());
        assert_eq!(whole.usage().and_then(|usage| usage.reasoning_tokens), Some(2));
    }
}
