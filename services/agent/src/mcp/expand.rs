//! Variables in a configuration.

/// Replaces `${NAME}` by the variable's value, and `${NAME:-text}` by the text where there is no
/// such variable or it is empty. Values are not expanded again; everything else stays as it is.
///
/// # Errors
/// Names a variable that is not set.
pub(super) fn expand(text: &str, mut lookup: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        let inside = &rest[start + 2..];
        let Some((name, default, end)) = inside.find('}').and_then(|end| reference(&inside[..end], end)) else {
            expanded.push_str("${");
            rest = inside;
            continue;
        };
        match (lookup(name), default) {
            (Some(value), None) => expanded.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => expanded.push_str(&value),
            (_, Some(default)) => expanded.push_str(default),
            (None, None) => return Err(name.to_owned()),
        }
        rest = &inside[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The name and the default in a reference, with the place of its end.
fn reference(inside: &str, end: usize) -> Option<(&str, Option<&str>, usize)> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    is_name.then_some((name, default, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "A" => "one",
            "_B2" => "${A}",
            "EMPTY" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn references_are_replaced_and_nothing_else_is() {
        for (text, expected) in [
            ("${A}", "one"),
            ("x${A}y${A}z", "xoneyonez"),
            ("${_B2}", "${A}"),
            ("[${EMPTY}]", "[]"),
            ("${NONE:-two}", "two"),
            ("${NONE:-}", ""),
            ("${EMPTY:-two}", "two"),
            ("${A:-two}", "one"),
            ("$A $$A $", "$A $$A $"),
            ("${", "${"),
            ("${A", "${A"),
            ("${}", "${}"),
            ("${A B}", "${A B}"),
            ("${1}", "${1}"),
            ("${${A}}", "${one}"),
            ("日${A}é", "日oneé"),
            ("", ""),
        ] {
            assert_eq!(expand(text, lookup), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_set_is_named() {
        assert_eq!(expand("a ${A} ${NONE}", lookup), Err("NONE".to_owned()));
    }

    proptest! {
        #[test]
        fn text_without_references_stays(text in "[a-z$ {}:-]{0,40}") {
            // No variable has a lowercase name here, and so every result is the text or a refusal.
            match expand(&text, |_| None) {
                Ok(expanded) => prop_assert!(expanded == text || text.contains(":-")),
                Err(name) => prop_assert!(text.contains(&name)),
            }
        }

        #[test]
        fn every_reference_takes_its_value(parts in prop::collection::vec("[a-z ]{0,6}", 1..6), value in "[ -~]{0,8}") {
            let text = parts.join("${A}");
            prop_assert_eq!(expand(&text, |_| Some(value.clone())), Ok(parts.join(&value)));
        }
    }
}
