//! Frames as they are written, and what is made of damaged ones.

use proptest::prelude::*;

use super::*;

/// A header as a test writes it.
#[derive(Debug, Clone, PartialEq)]
enum Written {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Integer(i32),
    Long(i64),
    Bytes(Vec<u8>),
    Text(String),
    Timestamp(i64),
    Uuid([u8; 16]),
}

impl Written {
    fn bytes(&self) -> Vec<u8> {
        let sized = |kind: u8, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap().to_be_bytes();
            [&[kind], length.as_slice(), value].concat()
        };
        let fixed = |kind: u8, value: &[u8]| [&[kind], value].concat();
        match self {
            Self::Bool(true) => vec![0],
            Self::Bool(false) => vec![1],
            Self::Byte(value) => fixed(2, &value.to_be_bytes()),
            Self::Short(value) => fixed(3, &value.to_be_bytes()),
            Self::Integer(value) => fixed(4, &value.to_be_bytes()),
            Self::Long(value) => fixed(5, &value.to_be_bytes()),
            Self::Bytes(value) => sized(6, value),
            Self::Text(value) => sized(7, value.as_bytes()),
            Self::Timestamp(value) => fixed(8, &value.to_be_bytes()),
            Self::Uuid(value) => fixed(9, value),
        }
    }

    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Byte(value) => Self::Byte(value),
            Value::Short(value) => Self::Short(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Long(value) => Self::Long(value),
            Value::Bytes(value) => Self::Bytes(value.to_vec()),
            Value::Text(value) => Self::Text(value.to_owned()),
            Value::Timestamp(value) => Self::Timestamp(value),
            Value::Uuid(value) => Self::Uuid(value),
        }
    }
}

type Owned = (Vec<(String, Written)>, Vec<u8>);

fn encode((headers, payload): &Owned) -> Vec<u8> {
    let headers: Vec<u8> = headers
        .iter()
        .flat_map(|(name, value)| {
            [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), value.bytes().as_slice()].concat()
        })
        .collect();
    seal(&headers, payload)
}

/// Puts lengths and checksums around headers and payload.
fn seal(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(headers.len() + payload.len() + 16).unwrap();
    let mut frame = [length.to_be_bytes(), u32::try_from(headers.len()).unwrap().to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// A frame as Bedrock writes it, for the tests of codecs.
pub(crate) fn frame(message_type: &str, name: &str, payload: &str) -> Vec<u8> {
    let kind = if message_type == "exception" { ":exception-type" } else { ":event-type" };
    let headers = [(kind, name), (":content-type", "application/json"), (":message-type", message_type)];
    let headers = headers.map(|(name, value)| (name.to_owned(), Written::Text(value.to_owned())));
    encode(&(headers.into(), payload.into()))
}

fn parse(chunks: impl IntoIterator<Item = Vec<u8>>, limit: usize) -> (Vec<Owned>, Result<(), FrameError>, bool) {
    let mut parser = Parser::with_max_frame_bytes(limit);
    let mut found = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = parser.push(&chunk, |frame| {
            let headers = frame.headers.iter().map(|(name, value)| (name.to_owned(), Written::of(value))).collect();
            found.push((headers, frame.payload.to_vec()));
        });
    }
    (found, result, parser.is_between_frames())
}

fn whole(bytes: Vec<u8>) -> (Vec<Owned>, Result<(), FrameError>, bool) {
    parse([bytes], DEFAULT_MAX_FRAME_BYTES)
}

fn any_header() -> impl Strategy<Value = (String, Written)> {
    let value = prop_oneof![
        any::<bool>().prop_map(Written::Bool),
        any::<i8>().prop_map(Written::Byte),
        any::<i16>().prop_map(Written::Short),
        any::<i32>().prop_map(Written::Integer),
        any::<i64>().prop_map(Written::Long),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Written::Bytes),
        "[a-zé😀]{0,8}".prop_map(Written::Text),
        any::<i64>().prop_map(Written::Timestamp),
        any::<[u8; 16]>().prop_map(Written::Uuid),
    ];
    (":?[a-z-]{0,12}", value)
}

fn any_frames() -> impl Strategy<Value = Vec<Owned>> {
    let payload = prop::collection::vec(any::<u8>(), 0..60);
    prop::collection::vec((prop::collection::vec(any_header(), 0..5), payload), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_do_not_depend_on_how_bytes_are_cut(
        frames in any_frames(),
        sizes in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(encode).collect();
        let mut rest = bytes.as_slice();
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at((*size).min(rest.len()));
            chunks.push(head.to_vec());
            rest = tail;
        }
        prop_assert_eq!(whole(bytes), (frames.clone(), Ok(()), true));
        prop_assert_eq!(parse(chunks, DEFAULT_MAX_FRAME_BYTES), (frames, Ok(()), true));
    }

    #[test]
    fn a_flipped_bit_is_never_handed_out(frames in any_frames(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes: Vec<u8> = frames.iter().flat_map(encode).collect();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (found, result, _) = whole(bytes);
        prop_assert!(result.is_err());
        prop_assert!(found.len() < frames.len() && frames.starts_with(&found));
    }

    #[test]
    fn a_cut_stream_is_no_error_and_not_at_its_end(frames in any_frames(), end in any::<prop::sample::Index>()) {
        let bytes: Vec<u8> = frames.iter().flat_map(encode).collect();
        prop_assume!(!bytes.is_empty());
        let end = end.index(bytes.len());
        let ends: Vec<usize> = frames.iter().scan(0, |sum, frame| {
            *sum += encode(frame).len();
            Some(*sum)
        }).collect();
        let (found, result, is_between) = whole(bytes[..end].to_vec());
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(found.len(), ends.iter().filter(|stop| **stop <= end).count());
        prop_assert_eq!(is_between, end == 0 || ends.contains(&end));
    }
}

#[test]
fn a_damaged_stream_stays_damaged() {
    let mut parser = Parser::new();
    let mut bytes = frame("event", "chunk", "{}");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(parser.push(&bytes, |_| panic!("handed out")), Err(FrameError::FrameChecksum));
    let fine = frame("event", "chunk", "{}");
    assert_eq!(parser.push(&fine, |_| panic!("handed out")), Err(FrameError::FrameChecksum));
}

#[test]
fn lengths_are_refused_before_anything_is_kept_for_them() {
    let prelude = |length: u32, headers: u32| {
        let mut bytes = [length.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    };
    let limit = DEFAULT_MAX_FRAME_BYTES;
    let too_long = u32::try_from(limit + 1).unwrap();
    let cases = [
        (prelude(too_long, 0), FrameError::TooLong { length: limit + 1, limit }),
        (prelude(u32::MAX, u32::MAX), FrameError::TooLong { length: u32::MAX as usize, limit }),
        (prelude(15, 0), FrameError::Lengths),
        (prelude(0, 0), FrameError::Lengths),
        (prelude(20, 5), FrameError::Lengths),
        (prelude(20, u32::MAX), FrameError::Lengths),
        (vec![0; 12], FrameError::PreludeChecksum),
    ];
    for (bytes, error) in cases {
        assert_eq!(whole(bytes.clone()), (vec![], Err(error), true), "{bytes:?}");
    }
    assert_eq!(whole(prelude(20, 4)), (vec![], Ok(()), false));
}

#[test]
fn headers_that_cannot_be_read_are_an_error() {
    let cases: [&[u8]; 6] = [
        &[1, b'a', 10],            // a type that nobody knows
        &[1, b'a'],                // no type
        &[5, b'a'],                // a name that is cut
        &[1, b'a', 7, 0, 2, b'x'], // a value that is cut
        &[1, b'a', 7, 0, 1, 0xff], // not a text
        &[1, b'a', 5, 0],          // a number that is cut
    ];
    for headers in cases {
        assert_eq!(whole(seal(headers, b"")).1, Err(FrameError::Headers), "{headers:?}");
    }
}

#[test]
fn headers_are_found_by_name() {
    let bytes = frame("event", "chunk", "{}");
    let mut parser = Parser::new();
    let mut seen = 0;
    parser
        .push(&bytes, |frame| {
            seen += 1;
            assert_eq!(frame.headers.text(":event-type"), "chunk");
            assert_eq!(frame.headers.text(":exception-type"), "");
            assert_eq!(frame.headers.get(":message-type"), Some(Value::Text("event")));
        })
        .unwrap();
    assert_eq!(seen, 1);
}
