use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::super::lines::Selection;
use super::*;

#[test]
fn f01_offset_and_limit_select_lines() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "one\ntwo\nthree\n");
    for (offset, limit, expected) in [
        (0, 0, "1\tone\n2\ttwo\n3\tthree"),
        (1, 1, "1\tone"),
        (2, 0, "2\ttwo\n3\tthree"),
        (3, 100, "3\tthree"),
        (2, 1, "2\ttwo"),
    ] {
        let response = lines_from(&path, offset, limit).expect("read");
        assert_eq!(response.content, expected, "offset {offset}, limit {limit}");
        assert_eq!((response.file_bytes, response.total_lines), (14, 3));
        assert_eq!(response.lines_read as usize, expected.lines().count());
    }
    let error = lines_from(&path, 4, 0).expect_err("past the end");
    assert!(error.to_string().contains("the file has 3 lines"), "{error}");
    assert_eq!(Status::from(error).code(), Code::OutOfRange);
}

#[test]
fn f01_line_ends_are_not_content() {
    let fixture = Fixture::new();
    for (text, expected, total) in [
        ("a\nb", "1\ta\n2\tb", 2),
        ("a\nb\n", "1\ta\n2\tb", 2),
        ("a\r\nb\r\n", "1\ta\n2\tb", 2),
        ("a\rb\n", "1\ta\rb", 1),
        ("a\r", "1\ta\r", 1),
        ("\n", "1\t", 1),
        ("a\n\n", "1\ta\n2\t", 2),
        ("", "", 0),
    ] {
        let response = lines(&fixture.file("f", text)).expect("read");
        assert_eq!((response.content.as_str(), response.total_lines), (expected, total), "{text:?}");
    }
    assert_eq!(code(lines_from(&fixture.file("f", ""), 2, 0)), Code::OutOfRange);
}

#[test]
fn f01_a_long_line_is_cut_on_a_character_border() {
    let fixture = Fixture::new();
    for (line, kept) in [("x".repeat(1025), 1024), (format!("x{}", "日".repeat(1000)), 1024), ("🦀".repeat(500), 1024)]
    {
        let text = content(&fixture.file("f", format!("{line}\r\nnext\n")));
        assert_eq!(text, format!("1\t{}... [truncated]\n2\tnext", &line[..kept]));
    }
    let exact = "x".repeat(1024);
    assert_eq!(content(&fixture.file("f", format!("{exact}\r\n"))), format!("1\t{exact}"));
    let cut = content(&fixture.file("f", format!("xy{}", "日".repeat(400))));
    assert!(cut.ends_with("日... [truncated]") && !cut.contains('\u{FFFD}'));
}

#[test]
fn f01_what_is_over_a_limit_is_an_error_that_says_what_to_do() {
    let fixture = Fixture::new();
    let long = fixture.file("long", "x\n".repeat(2001));
    let wide = fixture.file("wide", format!("{}\n", "x".repeat(1000)).repeat(40));
    for result in [lines_from(&long, 1, 2001), lines(&wide)] {
        let error = result.expect_err("over the limit");
        assert!(error.to_string().contains("`offset` and `limit`"), "{error}");
        assert_eq!(Status::from(error).code(), Code::InvalidArgument);
    }
    assert_eq!(lines(&long).expect("the default is the limit").lines_read, 2000);
    assert_eq!(lines_from(&wide, 30, 10).expect("a part").lines_read, 10);

    let large = fixture.file("large", vec![b'x'; 1024 * 1024 + 1]);
    let error = lines_from(&large, 1, 1).expect_err("too large");
    assert!(error.to_string().contains("1048577 bytes"), "{error}");
    assert_eq!(Status::from(error).code(), Code::FailedPrecondition);
    let path = large.to_str().expect("path").to_owned();
    let request = pb::ReadFileLinesRequest { path, max_file_bytes: 2 << 20, ..Default::default() };
    assert_eq!(read_lines(&request).expect("the caller decides").total_lines, 1);
}

#[test]
fn f01_what_is_no_text_file_is_refused() {
    let fixture = Fixture::new();
    assert_eq!(code(lines(Path::new("relative"))), Code::InvalidArgument);
    assert_eq!(code(lines(&fixture.path("missing"))), Code::NotFound);
    assert_eq!(code(lines(fixture.dir.path())), Code::FailedPrecondition);
    assert_eq!(code(lines(Path::new("/dev/null"))), Code::FailedPrecondition);
    let binary = lines(&fixture.file("binary", b"text\0more")).expect_err("binary");
    assert!(binary.to_string().contains("binary"), "{binary}");
    let inside_file = fixture.file("file", "").join("below");
    assert_eq!(code(lines(&inside_file)), Code::FailedPrecondition);
    assert_eq!(content(&fixture.file("latin", b"caf\xe9\n")), "1\tcaf\u{FFFD}");
}

/// F01: a file that the agent may not read. The superuser may read all of them.
#[test]
fn f01_a_file_without_permission_is_refused() {
    let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let status = Status::from(Error::io("read", Path::new("/secret"))(refused));
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.message(), "can not read `/secret`: permission denied");
    let fixture = Fixture::new();
    let secret = fixture.file("secret", "x");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).expect("mode");
    if std::fs::metadata(&secret).expect("metadata").uid() != 0 {
        assert_eq!(code(lines(&secret)), Code::PermissionDenied);
    }
}

/// G24: what is too large is refused before it is read, and what says no size while it is read.
#[test]
fn g24_no_file_is_read_whole_into_an_answer() {
    let fixture = Fixture::new();
    let path = fixture.file("huge", "");
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    assert_eq!(code(lines(&path)), Code::FailedPrecondition);
    let request = pb::ReadFileLinesRequest {
        path: path.to_str().expect("path").to_owned(),
        max_file_bytes: u64::MAX,
        ..Default::default()
    };
    assert_eq!(code(read_lines(&request)), Code::FailedPrecondition, "nor where the caller asks for it");
    let unsized_file = pb::ReadFileLinesRequest { path: "/proc/self/maps".to_owned(), max_file_bytes: 64, ..request };
    assert_eq!(code(read_lines(&unsized_file)), Code::FailedPrecondition);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f01_lines_are_those_of_the_text_however_it_is_read(
        lines in proptest::collection::vec("[a-zé日 ]{0,30}", 0..20),
        ends_with_newline in any::<bool>(),
        piece in 1usize..20,
    ) {
        let mut text = lines.join("\n");
        if ends_with_newline {
            text.push('\n');
        }
        let selection =
            Selection { offset: 1, limit: 1000, max_line_bytes: 1000, max_lines: 1000, max_response_bytes: 1 << 20 };
        let source = std::io::BufReader::with_capacity(piece, text.as_bytes());
        let taken = selection.take(source).expect("lines");
        let expected: Vec<String> = text.lines().enumerate().map(|(at, line)| format!("{}\t{line}", at + 1)).collect();
        prop_assert_eq!(taken.content, expected.join("\n"));
        prop_assert_eq!(taken.total as usize, expected.len());
        prop_assert_eq!(taken.bytes as usize, text.len());
    }
}
