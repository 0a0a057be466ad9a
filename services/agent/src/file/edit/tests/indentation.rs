use super::*;

/// F03: a new line after `file`, which the caller has as `search`, and puts `new` below it.
fn inserted(around: &str, file: &str, search: &str, new: &str) -> String {
    let content = format!("{around}{file}\nend \n");
    let after = one(&content, &format!("{search}\nend\n"), &format!("{search}\n{new}\nend\n"));
    let lines = after.strip_prefix(around).and_then(|rest| rest.strip_suffix("\nend \n")).expect("the rest stays");
    lines.strip_prefix(&format!("{file}\n")).expect("the line stays").to_owned()
}

/// F03: the level is what counts, in the file's own unit.
#[test]
fn f03_new_lines_get_the_level_in_the_units_of_the_file() {
    // What is around in the file, the line there, the line in the search, the new line, and that in the file.
    let table = [
        // Spaces to tabs.
        ("", "\tfoo ", "    foo", "    bar", "\tbar"),
        ("", "\tfoo ", "    foo", "        bar", "\t\tbar"),
        ("", "\t\t\tfoo", "    foo", "bar", "\t\tbar"),
        ("", "\t\tfoo", "foo", "  bar", "\t\t\tbar"),
        // Tabs to spaces.
        ("  x\n", "    foo", "\tfoo", "\t\tbar", "      bar"),
        ("    x\n", "        foo", "\t\tfoo", "\tbar", "    bar"),
        // Spaces to other spaces.
        ("  x\n", "    foo", "foo", "    bar", "      bar"),
        ("    x\n", "        foo", "  foo", "    bar", "            bar"),
        // A file without any indentation takes the caller's.
        ("", "foo ", "foo", "   bar", "   bar"),
        ("", "foo ", "foo", "\tbar", "\tbar"),
        // A line at the margin: most lines of the file decide.
        ("\tx\n\ty\n  z\n", "foo ", "foo", "    bar", "\tbar"),
        ("  x\n    y\n\tz\n", "foo ", "foo", "\tbar", "  bar"),
        // Single spaces of comments are no unit.
        (" * x\n    y\n", "    foo", "foo", "    bar", "        bar"),
    ];
    for (around, file, search, new, expected) in table {
        assert_eq!(inserted(around, file, search, new), expected, "{new:?} below {search:?} at {file:?}");
    }
}

/// F03: what can not be translated stands like the line beside it.
#[test]
fn f03_indentation_without_a_unit_is_taken_over() {
    let table = [
        // The caller mixes tabs and spaces.
        ("", "\tfoo ", "    foo", "\tbar", "\tbar"),
        ("", "\t\tfoo", "\t foo", "    bar", "\t\tbar"),
        // The line in the file does.
        ("", "\t  foo ", "foo", "    bar", "\t  bar"),
        // The new line would stand left of the margin.
        ("", "foo ", "    foo", "x", "x"),
        // Tabs of the caller in a file without a step.
        (" x\n", "   foo", "foo", "\tbar", "   bar"),
    ];
    for (around, file, search, new, expected) in table {
        assert_eq!(inserted(around, file, search, new), expected, "{new:?} below {search:?} at {file:?}");
    }
}

/// F03
#[test]
fn f03_empty_lines_have_no_say_in_the_unit() {
    assert_eq!(one("\tfoo\nend \n", "foo\nend\n", "foo\n   \n    bar\nend\n"), "\tfoo\n   \n\t\tbar\nend \n");
}
