use proptest::prelude::*;

use super::*;

const END: usize = head_tail::END_BYTES;

fn rendered(input: &[u8]) -> Rendered {
    let mut output = Output::default();
    output.write(input);
    output.render()
}

/// `total` bytes in lines of 64, the last one without a line end.
fn lines(total: usize) -> Vec<u8> {
    let mut text = String::with_capacity(total + 64);
    for line in 0..total.div_ceil(64) {
        text.push_str(&format!("{line:063}\n"));
    }
    text.truncate(total);
    text.into_bytes()
}

/// The text before and after the line that says what is missing.
fn around_marker(text: &str, omitted: u64) -> (&str, &str) {
    text.split_once(&format!("[... {omitted} bytes omitted ...]\n")).expect("a marker with the exact count")
}

/// P03: the sizes of the table, up to 10 MiB.
#[test]
fn p03_output_is_whole_up_to_both_ends_and_has_head_and_tail_beyond() {
    for total in [0, 1, END - 1, END, END + 1, 2 * END] {
        let input = lines(total);
        let rendered = rendered(&input);
        assert_eq!(rendered.text.as_bytes(), input, "{total} bytes");
        assert_eq!((rendered.retained_bytes, rendered.omitted_bytes), (total as u64, 0));
    }
    for total in [2 * END + 1, 10 * 1024 * 1024] {
        let input = String::from_utf8(lines(total)).expect("ascii");
        let rendered = rendered(input.as_bytes());
        assert_eq!(rendered.original_bytes, total as u64);
        assert_eq!(rendered.retained_bytes + rendered.omitted_bytes, total as u64);
        let (head, tail) = around_marker(&rendered.text, rendered.omitted_bytes);
        assert_eq!(head.len(), END);
        assert!(input.starts_with(head) && input.ends_with(tail));
        assert!(tail.len() > END - 128 && rendered.text.len() <= MAX_TEXT);
    }
}

#[test]
fn p03_a_long_line_is_cut_with_a_marker_and_counted() {
    let input = format!("before\n{}\nafter\n", "x".repeat(10_000));
    let rendered = rendered(input.as_bytes());
    let kept = MAX_LINE - CUT_MARKER.len();
    assert_eq!(rendered.text, format!("before\n{}{CUT_MARKER}\nafter\n", "x".repeat(kept)));
    assert_eq!(rendered.omitted_bytes, (10_000 - kept) as u64);
}

#[test]
fn a_line_of_exactly_the_limit_is_not_cut() {
    for input in ["x".repeat(MAX_LINE), format!("{}\n", "x".repeat(MAX_LINE))] {
        assert_eq!(rendered(input.as_bytes()).text, input);
    }
}

#[test]
fn an_endless_line_does_not_hide_what_comes_after_it() {
    let mut output = Output::default();
    for _ in 0..1000 {
        output.write(&[b'x'; 4096]);
    }
    output.write(b"\nerror: the last line");
    let rendered = output.render();
    assert!(rendered.text.ends_with("\nerror: the last line"));
    assert_eq!(rendered.original_bytes, 4096 * 1000 + 21);
    assert_eq!(rendered.retained_bytes + rendered.omitted_bytes, rendered.original_bytes);
}

#[test]
fn bytes_that_are_no_text_stay_within_the_limit_and_keep_their_end() {
    for total in [END, 2 * END, 10 * END] {
        let mut input: Vec<u8> = [0xFF].repeat(100).into_iter().chain([b'\n']).cycle().take(total).collect();
        input.extend_from_slice(b"\nthe end");
        let rendered = rendered(&input);
        assert!(rendered.text.len() <= MAX_TEXT, "{}", rendered.text.len());
        assert!(rendered.text.ends_with("\nthe end"));
        assert_eq!(rendered.retained_bytes + rendered.omitted_bytes, input.len() as u64);
    }
}

/// Text in which lines and characters fall on every kind of border.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        8 => "[a-z ]{0,80}",
        2 => "(é|日|🦀|x){0,40}",
        1 => (0usize..3000, prop_oneof![Just("x"), Just("é"), Just("日"), Just("🦀")]).prop_map(|(n, c)| c.repeat(n)),
    ];
    (proptest::collection::vec(line, 0..40), 1usize..40)
        .prop_map(|(lines, repeat)| format!("{}\n", lines.join("\n")).repeat(repeat))
}

/// What the text is after its long lines are cut.
fn cut_lines(text: &str) -> String {
    let cut = |line: &str| -> String {
        if line.len() <= MAX_LINE {
            return line.to_owned();
        }
        format!("{}{CUT_MARKER}", &line[..line.floor_char_boundary(MAX_LINE - CUT_MARKER.len())])
    };
    text.split('\n').map(cut).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p03_output_that_fits_equals_the_input_with_long_lines_cut(input in text()) {
        let expected = cut_lines(&input);
        prop_assume!(expected.len() <= 2 * END);
        let rendered = rendered(input.as_bytes());
        prop_assert_eq!(&rendered.text, &expected);
        if expected == input {
            prop_assert_eq!(rendered.omitted_bytes, 0);
        }
    }

    #[test]
    fn p03_head_and_tail_are_a_prefix_and_a_suffix_on_character_borders(input in text()) {
        let expected = cut_lines(&input);
        let rendered = rendered(input.as_bytes());
        prop_assert!(rendered.text.len() <= MAX_TEXT);
        prop_assert_eq!(rendered.original_bytes, input.len() as u64);
        prop_assert_eq!(rendered.retained_bytes + rendered.omitted_bytes, rendered.original_bytes);
        prop_assert!(!rendered.text.contains(char::REPLACEMENT_CHARACTER));
        if rendered.text != expected {
            let (head, tail) = around_marker(&rendered.text, rendered.omitted_bytes);
            prop_assert!(expected.starts_with(head) || expected.starts_with(head.trim_end_matches('\n')));
            prop_assert!(expected.ends_with(tail));
            let last_line = expected.trim_end().rsplit('\n').next().unwrap_or_default();
            prop_assert!(tail.trim_end().ends_with(last_line));
        }
    }

    #[test]
    fn bytes_for_viewers_are_those_that_were_written_and_their_offset_is_exact(
        input in prop_oneof![text().prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..40_000)],
        piece in 1usize..5000,
    ) {
        let mut output = Output::default();
        let mut written = 0;
        for piece in input.chunks(piece) {
            output.write(piece);
            written += piece.len();
            let input = &input[..written];
            prop_assert!(input.starts_with(&output.first()));
            let (offset, bytes) = output.last();
            prop_assert_eq!(&bytes[..], &input[offset as usize..]);
            if written <= 2 * END && input.split(|&byte| byte == b'\n').all(|line| line.len() <= MAX_LINE) {
                prop_assert_eq!(offset, 0);
            }
        }
    }

    #[test]
    fn p03_counts_add_up_for_any_bytes_in_any_pieces(
        input in proptest::collection::vec(any::<u8>(), 0..4000),
        repeat in 1usize..20,
        piece in 1usize..5000,
    ) {
        let input = input.repeat(repeat);
        let mut output = Output::default();
        for piece in input.chunks(piece) {
            output.write(piece);
        }
        let pieced = output.render();
        prop_assert!(pieced.text.len() <= MAX_TEXT);
        prop_assert_eq!(pieced.retained_bytes + pieced.omitted_bytes, input.len() as u64);
        prop_assert_eq!(pieced, rendered(&input));
    }
}

proptest! {
    // Each of them is megabytes.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// P03: prefix, suffix and counts of any amount.
    #[test]
    fn p03_any_amount_up_to_10_mib_in_any_pieces_keeps_its_head_tail_and_counts(
        total in prop_oneof![2 * END + 1..4 * END, 0..10 * 1024 * 1024 + 1usize],
        piece in 1usize..100_000,
    ) {
        let input = lines(total);
        let mut output = Output::default();
        for piece in input.chunks(piece) {
            output.write(piece);
        }
        let rendered = output.render();
        prop_assert_eq!(rendered.original_bytes, total as u64);
        prop_assert_eq!(rendered.retained_bytes + rendered.omitted_bytes, total as u64);
        if total <= 2 * END {
            prop_assert_eq!(rendered.text.as_bytes(), input);
        } else {
            let (head, tail) = around_marker(&rendered.text, rendered.omitted_bytes);
            prop_assert!(input.starts_with(head.as_bytes()) && input.ends_with(tail.as_bytes()));
            prop_assert_eq!(head.len(), END);
            prop_assert!(tail.len() > END - 128);
        }
    }
}
