use super::*;

fn said(content: &str, search: &str) -> String {
    match problem(content, search, "x") {
        Problem::NotFound(text) => text,
        other => panic!("{other}"),
    }
}

/// F03: the closest place, how much of it matches, and where it first differs.
#[test]
fn f03_the_closest_place_and_its_first_difference_are_told() {
    let content = "one\ntwo\n\tthree\nfour\nfive\n";
    let table = [
        (
            "two\nthree\nFOUR\nfive\n",
            "closest is lines 2 to 5, where 3 of 4 lines match: line 3 of `search` is `FOUR` where line 4 is `four`",
        ),
        (
            "zero\none\ntwo\n",
            "closest is lines 1 to 2, where 2 of 3 lines match: line 1 of `search` would be outside of the file",
        ),
        (
            "four\nfive\nsix\n",
            "closest is lines 4 to 5, where 2 of 3 lines match: line 3 of `search` would be outside of the file",
        ),
        ("six\nseven\n", "neither is one of its 2 lines"),
        ("six", "no line resembles it"),
    ];
    for (search, expected) in table {
        let said = said(content, search);
        assert!(said.contains(expected), "{search:?}: {said}");
    }
}

/// F03: what the eye takes for the same.
#[test]
fn f03_characters_that_look_alike_are_counted() {
    let (short, long) = ("\u{2500}".repeat(32), "\u{2500}".repeat(37));
    let table = [
        (format!("// {long}\n"), format!("// {short}\n"), "`search` has 32 of U+2500 \u{2500}, the file 37"),
        (
            "it\u{2019}s\n".to_owned(),
            "it's\n".to_owned(),
            "`search` has 1 of U+0027 ', the file 0; `search` has 0 of U+2019 \u{2019}, the file 1",
        ),
        ("a\u{A0}b\n".to_owned(), "a b\n".to_owned(), "`search` has 0 of U+00A0, the file 1"),
        ("f(a, b)\n".to_owned(), "f(a,b)\n".to_owned(), "`search` has 0 of U+0020, the file 1"),
    ];
    for (content, search, expected) in table {
        let said = said(&content, &search);
        assert!(said.contains("0 of 1 lines match") && said.contains(expected), "{search:?}: {said}");
    }
}

/// F03
#[test]
fn f03_what_is_told_has_a_limit() {
    let long = "y".repeat(10_000);
    let said_of_long = said(&format!("a\n{long}x\n"), &format!("a\n{long}z\n"));
    assert!(said_of_long.len() < 600, "{said_of_long}");
    let many = said("a\n", &"a\n".repeat(201));
    assert!(many.contains("201 lines are too many"), "{many}");
}
