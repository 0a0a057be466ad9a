use super::*;

/// F03: where search and replacement agree, the file's white space stays; where not, theirs counts.
#[test]
fn f03_white_space_of_the_file_wins_where_the_caller_changes_none() {
    let table = [
        // In front of lines.
        ("\tfoo\n", "  foo\n", "  bar\n", "\tbar\n"),
        ("\tfoo \n", "\tfoo\n", "\t\tbar\n", "\t\tbar \n"),
        // After lines.
        ("foo \t\n", "foo\n", "bar\n", "bar \t\n"),
        ("foo\t\n", "foo  \n", "bar\n", "bar\n"),
        ("foo\n", "foo  \n", "bar \n", "bar \n"),
        // Empty lines are the caller's.
        ("  a\n  b\n", "a\nb\n", "a\n\nb\n", "  a\n\n  b\n"),
        ("  a\n  b\n", "a\nb\n", "a\n   \nb\n", "  a\n   \n  b\n"),
    ];
    for (content, search, replace, expected) in table {
        assert_eq!(one(content, search, replace), expected, "{search:?} to {replace:?} in {content:?}");
    }
}

/// F03: the same lines at both ends of search and replacement pair up, then the others in order.
#[test]
fn f03_lines_pair_up_from_both_ends() {
    let content = "\ta\n  b\n\t\tc\n    d\n";
    let table = [
        // Nothing between changes the lines around.
        ("a\nb\nc\nd\n", "a\nd\n", "\ta\n    d\n"),
        ("a\nb\nc\nd\n", "a\nx\nc\nd\n", "\ta\n  x\n\t\tc\n    d\n"),
        ("a\nb\nc\nd\n", "b\nc\nd\n", "  b\n\t\tc\n    d\n"),
        ("a\nb\nc\nd\n", "a\nb\nc\n", "\ta\n  b\n\t\tc\n"),
        // New lines stand like the line before them.
        ("a\nb\nc\nd\n", "a\nb\nc\nx\nd\n", "\ta\n  b\n\t\tc\n\t\tx\n    d\n"),
        ("a\nb\nc\nd\n", "a\nx\ny\nz\nd\n", "\ta\n  x\n\t\ty\n\t\tz\n    d\n"),
        // Or like the one after them, where there is none before.
        ("b\nc\n", "x\nb\nc\n", "\ta\n  x\n  b\n\t\tc\n    d\n"),
    ];
    for (search, replace, expected) in table {
        assert_eq!(one(content, search, replace), expected, "{search:?} to {replace:?}");
    }
}

/// F03: lines that are wrapped by new ones go deeper together.
#[test]
fn f03_wrapped_lines_keep_their_places_to_each_other() {
    let content = "fn f() {\n\tif x {\n\t\ta();\n\t\tb();\n\t}\n}\n";
    let search = "a();\nb();\n";
    let replace = "loop {\n    a();\n    b();\n}\n";
    let expected = "fn f() {\n\tif x {\n\t\tloop {\n\t\t\ta();\n\t\t\tb();\n\t\t}\n\t}\n}\n";
    assert_eq!(one(content, search, replace), expected);
}

/// F03: all of many places, each with what it has.
#[test]
fn f03_each_place_keeps_its_own_white_space() {
    let content = "if a {\n  call(1)\n}\n\tif a {\r\n\t\tcall(1) \r\n\t}\r\n";
    let expected = "if a {\n  call(2)\n}\n\tif a {\r\n\t\tcall(2) \r\n\t}\r\n";
    assert_eq!(all(content, "if a {\n    call(1)\n}\n", "if a {\n    call(2)\n}\n"), expected);
}

/// F03: what is no text is left alone.
#[test]
fn f03_bytes_that_are_no_text_stay() {
    let content = b"\xFF\xFE\x00 one\n\x80two \nthree\x00\n";
    let edit = Edit { search: b"one", replace: b"1", replace_all: false };
    assert_eq!(apply(content, &edit).expect("exact").content, b"\xFF\xFE\x00 1\n\x80two \nthree\x00\n");
    let edit = Edit { search: b"\x80two\n", replace: b"2\n", replace_all: false };
    assert_eq!(apply(content, &edit).expect("by lines").content, b"\xFF\xFE\x00 one\n2 \nthree\x00\n");
}
