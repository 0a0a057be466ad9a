use super::*;

/// F03: exact before trailing blanks before white space.
#[test]
fn f03_the_first_pass_that_finds_the_text_decides() {
    let table = [
        ("let a = 1;\n", "a = 1", "b = 2", Pass::Exact, "let b = 2;\n"),
        ("a  \n  a\na\n", "\na\n", "\nb\n", Pass::Exact, "a  \n  a\nb\n"),
        ("one \ntwo\t\n  one\n  two\n", "one\ntwo\n", "x\ny\n", Pass::TrailingBlanks, "x \ny\t\n  one\n  two\n"),
        ("  one \n\ttwo\n", "one\ntwo\n", "x\ny\n", Pass::Whitespace, "  x \n\ty\n"),
    ];
    for (content, search, replace, pass, expected) in table {
        let applied = edit(content, search, replace, false).expect("applied");
        assert_eq!(String::from_utf8_lossy(&applied.content), expected, "{search:?} in {content:?}");
        assert_eq!((applied.pass, applied.replacements), (pass, 1), "{search:?} in {content:?}");
    }
}

/// F03: how often a text occurs is said, with the lines, in each pass; a later pass is no way out.
#[test]
fn f03_a_text_that_occurs_more_than_once_is_an_error_with_the_count() {
    let table = [
        ("a\nb\na\nb\na\n", "a", 3, vec![1, 3, 5], true),
        ("x;x;x;x;x;x;x", "x", 7, vec![1, 1, 1, 1, 1], true),
        ("f() \n.\nf()\t\n", "f()\n", 2, vec![1, 3], false),
        ("  f() \n.\n\tf() \n f()  \n", "f()\n", 3, vec![1, 3, 4], false),
        ("a \na \na \n", "a\na\n", 2, vec![1, 2], false),
    ];
    for (content, search, count, lines, is_exact) in table {
        let problem = problem(content, search, "y");
        assert_eq!(problem, Problem::Ambiguous { count, lines, is_exact }, "{search:?} in {content:?}");
        assert!(problem.to_string().contains(&format!("{count} times")), "{problem}");
        assert!(problem.to_string().contains("`replace_all`"), "{problem}");
    }
    let overlapping = problem("aaa", "aa", "y");
    assert!(matches!(overlapping, Problem::Ambiguous { count: 2, .. }), "{overlapping}");
}

/// F03
#[test]
fn f03_an_empty_search_is_refused_also_for_all() {
    for replace_all in [false, true] {
        assert_eq!(edit("abc", "", "x", replace_all), Err(Problem::EmptySearch));
    }
}

/// F03, G26: every occurrence is replaced, and counted, in each pass.
#[test]
fn g26_replace_all_replaces_all_in_every_pass() {
    let table = [
        ("a.a.a", "a", "bb", 3, Pass::Exact, "bb.bb.bb"),
        ("aaaa", "aa", "b", 2, Pass::Exact, "bb"),
        ("f()\t\n.\nf() \n.\nf() ", "f()\n", "g()\n", 3, Pass::TrailingBlanks, "g()\t\n.\ng() \n.\ng() "),
        ("  f() \n.\n\tf() \n.\n f() ", "f()\n", "g()\n", 3, Pass::Whitespace, "  g() \n.\n\tg() \n.\n g() "),
        (" a\n a\n a\n a\n a\n", "a\na\n", "b\n", 2, Pass::Whitespace, " b\n b\n a\n"),
        (" a\n.\n a\n", "a\n", "", 2, Pass::Exact, " .\n "),
    ];
    for (content, search, replace, count, pass, expected) in table {
        let applied = edit(content, search, replace, true).expect("applied");
        assert_eq!(String::from_utf8_lossy(&applied.content), expected, "{search:?} in {content:?}");
        assert_eq!((applied.replacements, applied.pass), (count, pass), "{search:?} in {content:?}");
    }
}

/// F03
#[test]
fn f03_white_space_alone_is_found_exactly_or_not_at_all() {
    assert_eq!(one("a\n \nb\n", "\n \n", "\n"), "a\nb\n");
    for search in ["   ", "\n\n", " \n\t\n"] {
        let problem = problem("a\r\n\r\nb\n", search, "x");
        assert!(matches!(&problem, Problem::NotFound(text) if text.contains("white space")), "{problem}");
    }
}

/// F.6 item 5: a text that repeats itself, in a file that does the same, costs no more than others.
#[test]
fn a_search_made_to_be_slow_is_not() {
    let content = format!("{}b\n", "a \n".repeat(300_000));
    let search = format!("{}c\n", "a\n".repeat(100_000));
    assert!(matches!(problem(&content, &search, "x"), Problem::NotFound(_)));
    let lines = format!("{}c\n", "a\n".repeat(150));
    assert!(matches!(problem(&content, &lines, "x"), Problem::NotFound(_)));
    assert!(matches!(problem(&content, "a\na\n", "x"), Problem::Ambiguous { count: 299_999, .. }));
    assert_eq!(edit(&content, "a\na\n", "a\n", true).expect("applied").replacements, 150_000);
}

/// F.6 item 5
#[test]
fn what_grows_beyond_the_limit_is_refused_before_it_is_made() {
    let content = "a".repeat(1000);
    assert_eq!(edit(&content, "a", &"b".repeat(1_000_000), true), Err(Problem::TooLarge));
}
