use super::*;

/// F03: LF and CRLF find each other, and the file keeps what it has.
#[test]
fn f03_line_ends_of_the_file_are_kept() {
    let table = [
        // A file with CRLF, a caller with LF.
        ("a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\n", "x\r\ny\r\nc\r\n"),
        ("a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\nz\n", "x\r\ny\r\nz\r\nc\r\n"),
        ("a\r\nb\r\nc\r\n", "b", "x\ny", "a\r\nx\r\ny\r\nc\r\n"),
        // A file with LF, a caller with CRLF.
        ("a\nb\nc\n", "a\r\nb\r\n", "x\r\ny\r\n", "x\ny\nc\n"),
        ("a\nb\nc\n", "b", "x\r\ny", "a\nx\ny\nc\n"),
        // A file with both: lines keep theirs, and new ones get what most have.
        ("a\r\nb\nc\r\nd\r\n", "a\nb\nc\n", "x\ny\nz\nw\n", "x\r\ny\nz\r\nw\r\nd\r\n"),
        ("a\r\nb\nc\nd\n", "a\nb\nc\n", "x\ny\nz\nw\n", "x\r\ny\nz\nw\nd\n"),
        // As many of each: LF.
        ("a \r\nb\n", "a\nb", "x\ny\nz", "x \r\ny\nz\n"),
        // A file of one line has none to keep.
        ("a", "a", "x\r\ny", "x\r\ny"),
        // A replacement with both means what it says.
        ("a \r\nb\r\n", "a\nb", "x\r\ny\nz", "x \r\ny\nz\r\n"),
    ];
    for (content, search, replace, expected) in table {
        assert_eq!(one(content, search, replace), expected, "{search:?} to {replace:?} in {content:?}");
    }
}

/// F03
#[test]
fn f03_exact_text_with_line_ends_is_replaced_as_it_is() {
    assert_eq!(one("a\r\nb\r\n", "a\r\nb", "x\ny"), "x\ny\r\n");
    assert_eq!(one("a\nb\r\nc\r\n", "a\nb", "x\ny\nz"), "x\ny\nz\r\nc\r\n");
}

/// F03: who rewrites line ends must name the bytes.
#[test]
fn f03_other_line_ends_in_the_replacement_need_an_exact_match() {
    assert_eq!(one("a\nb\n", "a\nb\n", "a\r\nb\r\n"), "a\r\nb\r\n");
    assert_eq!(problem("a \nb\n", "a\nb\n", "a\r\nb\r\n"), Problem::LineEnds);
    assert_eq!(problem("a\r\nb\r\n", "a\nb\n", "a\r\nb\r\n"), Problem::LineEnds);
    assert!(matches!(problem("c\n", "a\nb\n", "a\r\nb\r\n"), Problem::NotFound(_)));
}

/// F03: the end of the file.
#[test]
fn f03_the_newline_at_the_end_of_the_file() {
    let table = [
        // A file without one keeps that.
        ("a\n b", "b\n", "x\n", "a\n x"),
        ("a\n b", "b\n", "x", "a\n x"),
        ("a\n b ", "b", "x", "a\n x "),
        ("a\n  b\n  c", "b\nc\n", "x\ny\nz\n", "a\n  x\n  y\n  z"),
        // The replacement asks for one, and the search does not know of any.
        ("a \n b ", "a\nb", "x\ny\n", "x \n y \n"),
        // Text that follows is never glued on.
        (" a \nb\n", "a\n", "x", " x \nb\n"),
        (" a\r\nb\r\n", "a\n", "x\ny", " x\r\n y\r\nb\r\n"),
        // Lines that go take their ends with them only if the search has them.
        (" a\n b\n c\n", "a\nb\n", "", " c\n"),
        (" a\n b\n c\n", "a\nb", "", "\n c\n"),
        (" a\n b", "a\nb", "", ""),
    ];
    for (content, search, replace, expected) in table {
        assert_eq!(one(content, search, replace), expected, "{search:?} to {replace:?} in {content:?}");
    }
}

/// F03: every kind of file with every kind of caller.
#[test]
fn f03_line_ends_file_ends_and_indentation_in_all_combinations() {
    for file_end in ["\n", "\r\n"] {
        for caller_end in ["\n", "\r\n"] {
            for ends_with_newline in [true, false] {
                for (unit, caller_unit) in [("\t", "    "), ("  ", "    "), ("    ", "\t"), ("    ", "  ")] {
                    let lines = ["fn f() {", "{u}if a {", "{u}{u}b();", "{u}}", "}"];
                    let after = [
                        "fn f() {",
                        "{u}if a {",
                        "{u}{u}b();",
                        "{u}{u}if c {",
                        "{u}{u}{u}d();",
                        "{u}{u}}",
                        "{u}}",
                        "}",
                    ];
                    let file = |lines: &[&str]| {
                        let text = lines.join(file_end).replace("{u}", unit);
                        if ends_with_newline { text + file_end } else { text }
                    };
                    // The caller has the function at the margin, and with its own indentation.
                    let search = ["if a {", "{u}b();", "}"].join(caller_end).replace("{u}", caller_unit);
                    let replace = ["if a {", "{u}b();", "{u}if c {", "{u}{u}d();", "{u}}", "}"];
                    let replace = replace.join(caller_end).replace("{u}", caller_unit);
                    assert_eq!(
                        one(&file(&lines), &search, &replace),
                        file(&after),
                        "{file_end:?} {caller_end:?} {ends_with_newline} {unit:?} {caller_unit:?}"
                    );
                }
            }
        }
    }
}

/// F03: what an editor put in front of the first line is none of it.
#[test]
fn f03_a_byte_order_mark_is_in_nobodys_way() {
    assert_eq!(one("\u{FEFF}a\r\nb\r\n", "a\nb\n", "x\ny\n"), "\u{FEFF}x\r\ny\r\n");
}
