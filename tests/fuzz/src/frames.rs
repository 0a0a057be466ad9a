//! Event streams of AWS. Random bytes hardly ever have the right checksums, so lines of text are put
//! into frames, which lets the fuzzer reach what reads them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_llm::event_stream::{FrameError, Parser};

use crate::cuts;

/// A type of value: text.
const TEXT: u8 = 7;
/// Two lengths, and two checksums.
const PRELUDE: usize = 12;
const TRAILER: usize = 4;

/// How the events of a protocol lie in their frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// The bytes are a stream as it is.
    None,
    /// Each line is an event, in base64 in a document.
    Invoke,
    /// Each line is the name of an event, a space, and a document.
    Converse,
}

/// The stream that bytes stand for.
pub fn wrapped(wrapping: Wrapping, bytes: &[u8]) -> Vec<u8> {
    let lines = || bytes.split(|byte| *byte == b'\n');
    match wrapping {
        Wrapping::None => bytes.to_vec(),
        Wrapping::Invoke => {
            let payload = |line: &[u8]| format!(r#"{{"bytes":"{}"}}"#, STANDARD.encode(line)).into_bytes();
            lines().flat_map(|line| frame(b"event", b"chunk", &payload(line))).collect()
        }
        Wrapping::Converse => lines().flat_map(named).collect(),
    }
}

/// An event, or an exception where its name begins with an exclamation mark.
fn named(line: &[u8]) -> Vec<u8> {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (name, payload) = (&line[..end], line.get(end + 1..).unwrap_or_default());
    match name.strip_prefix(b"!") {
        Some(name) => frame(b"exception", name, payload),
        None => frame(b"event", name, payload),
    }
}

fn frame(message_type: &[u8], name: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    let name_of_name: &[u8] = if message_type == b"event" { b":event-type" } else { b":exception-type" };
    for (header, value) in [(b":message-type".as_slice(), message_type), (name_of_name, name)] {
        headers.push(u8::try_from(header.len()).unwrap_or_default());
        headers.extend_from_slice(header);
        headers.push(TEXT);
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        headers.extend_from_slice(value);
    }
    let mut frame = Vec::new();
    let number = |length: usize| u32::try_from(length).unwrap_or_default().to_be_bytes();
    frame.extend_from_slice(&number(PRELUDE + headers.len() + payload.len() + TRAILER));
    frame.extend_from_slice(&number(headers.len()));
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// Feeds a stream to the parser of frames in several ways: as it is, and put into frames.
///
/// # Panics
/// Something that must hold does not.
pub fn event_stream(bytes: &[u8]) {
    for wrapping in [Wrapping::None, Wrapping::Converse] {
        let stream = wrapped(wrapping, bytes);
        for limit in [64, 16 * 1024 * 1024] {
            let whole = parsed(limit, &[&stream]);
            for chunks in cuts(&stream) {
                assert_eq!(parsed(limit, &chunks), whole, "cut into {} pieces, at most {limit} bytes", chunks.len());
            }
        }
    }
}

/// The payloads and headers of a stream, and how it ended.
fn parsed(limit: usize, chunks: &[&[u8]]) -> (Vec<(String, Vec<u8>)>, Result<(), FrameError>, bool) {
    let mut parser = Parser::with_max_frame_bytes(limit);
    let mut frames = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = parser.push(chunk, |frame| frames.push((format!("{:?}", frame.headers), frame.payload.to_vec())));
        if result.is_err() {
            break;
        }
    }
    // What is left over of a damaged stream is nobody's.
    let is_whole = result.is_ok() && parser.is_between_frames();
    (frames, result, is_whole)
}
