use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Event(String, String),
    Comment,
    TooLong,
    End,
}

fn record(seen: &mut Vec<Seen>) -> impl FnMut(Item<'_>) {
    |item| {
        seen.push(match item {
            Item::Event { name, data } => Seen::Event(name.to_owned(), data.to_owned()),
            Item::Comment => Seen::Comment,
        });
    }
}

fn parse(chunks: &[&[u8]], limit: usize) -> Vec<Seen> {
    let mut parser = Parser::with_max_event_bytes(limit);
    let mut seen = Vec::new();
    for chunk in chunks {
        if parser.push(chunk, record(&mut seen)).is_err() {
            seen.push(Seen::TooLong);
            return seen;
        }
    }
    seen.push(Seen::End);
    parser.finish(record(&mut seen));
    seen
}

fn events(text: &str) -> Vec<Seen> {
    parse(&[text.as_bytes()], DEFAULT_MAX_EVENT_BYTES)
}

fn event(name: &str, data: &str) -> Seen {
    Seen::Event(name.to_owned(), data.to_owned())
}

#[test]
fn a_line_ends_with_lf_cr_or_crlf() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = format!("event: a{end}data: 1{end}{end}data: 2{end}{end}");
        assert_eq!(events(&stream), [event("a", "1"), event("", "2"), Seen::End], "{end:?}");
    }
}

#[test]
fn fields_follow_the_standard() {
    let cases: &[(&str, &[Seen])] = &[
        ("data:tight\n\n", &[event("", "tight")]),
        ("data:  two spaces\n\n", &[event("", " two spaces")]),
        ("data: a\ndata: b\n\n", &[event("", "a\nb")]),
        ("data\ndata\n\n", &[event("", "\n")]),
        ("data:\n\n", &[event("", "")]),
        ("event: lost\n\ndata: x\n\n", &[event("", "x")]),
        ("event: a\nevent: b\ndata: x\n\n", &[event("b", "x")]),
        ("id: 1\nretry: 5\nunknown: y\ndata: x\n\n", &[event("", "x")]),
        (": alive\n\n:\ndata: x\n\n", &[Seen::Comment, Seen::Comment, event("", "x")]),
        ("\u{feff}data: x\n\n", &[event("", "x")]),
        ("data: x\n\n\u{feff}data: y\n\n", &[event("", "x")]),
        ("data: {\"a\": \"b:c\"}   \n\n", &[event("", "{\"a\": \"b:c\"}   ")]),
    ];
    for (stream, expected) in cases {
        let mut seen = events(stream);
        assert_eq!(seen.pop(), Some(Seen::End), "{stream:?}");
        assert_eq!(&seen, expected, "{stream:?}");
    }
}

#[test]
fn an_unfinished_event_comes_at_the_end() {
    assert_eq!(events("data: a\ndata: b"), [Seen::End, event("", "a\nb")]);
    assert_eq!(events("data: a\n"), [Seen::End, event("", "a")]);
    assert_eq!(events("event: a\n"), [Seen::End]);
}

#[test]
fn characters_survive_a_cut_and_garbage_is_replaced() {
    let stream = "data: é€😀\n\n".as_bytes();
    for cut in 0..=stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(parse(&[a, b], 1000), [event("", "é€😀"), Seen::End]);
    }
    assert_eq!(parse(&[b"data: a\xFFb\n\n"], 1000), [event("", "a\u{fffd}b"), Seen::End]);
}

#[test]
fn a_long_event_is_refused_and_stays_refused() {
    let mut parser = Parser::with_max_event_bytes(10);
    assert!(parser.push(b"data: 1234\n\n", |_| {}).is_ok());
    assert!(parser.push(b"data: 12345", |_| {}).is_err());
    assert_eq!(parser.push(b"\n\n", |_| panic!("no item")), Err(EventTooLong { limit: 10 }));
    let lines = "data: 123\n".repeat(4);
    assert_eq!(parse(&[lines.as_bytes()], 10), [Seen::TooLong]);
    let comments = ": 123\n".repeat(100);
    assert_eq!(parse(&[comments.as_bytes()], 10).len(), 101);
}

#[test]
fn a_line_of_a_megabyte_is_one_event() {
    let data = "x".repeat(1 << 20);
    let stream = format!("data: {data}\n\n");
    let chunks: Vec<&[u8]> = stream.as_bytes().chunks(1000).collect();
    assert_eq!(parse(&chunks, DEFAULT_MAX_EVENT_BYTES), [event("", &data), Seen::End]);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("data:".as_bytes().to_vec()),
        Just("data: ".as_bytes().to_vec()),
        Just("event: e".as_bytes().to_vec()),
        Just(":".as_bytes().to_vec()),
        Just("\r\n".as_bytes().to_vec()),
        Just("\n".as_bytes().to_vec()),
        Just("\r".as_bytes().to_vec()),
        Just("\n\n".as_bytes().to_vec()),
        Just("\u{feff}".as_bytes().to_vec()),
        Just("é😀".as_bytes().to_vec()),
        Just(vec![0xFF, 0xC3]),
        "[a-z{}\" ]{0,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_cuts_do_not_matter(
        stream in stream(),
        cuts in prop::collection::vec(1_usize..7, 1..20),
        limit in prop_oneof![Just(8_usize), Just(16), Just(1000)],
    ) {
        let whole = parse(&[&stream], limit);
        let mut chunks: Vec<&[u8]> = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at((*cut).min(rest.len()));
            chunks.push(head);
            rest = tail;
        }
        prop_assert_eq!(parse(&chunks, limit), whole);
    }
}
