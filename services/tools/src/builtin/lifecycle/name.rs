//! What a workspace is called that a model makes.

/// The longest name of a workspace.
const MAX: usize = 32;
/// The longest beginning of a name that is made up: a dash and four digits follow.
const MAX_SEED: usize = 27;
/// What it is called where there is nothing to call it by.
const FALLBACK: &str = "workspace";

/// A name for a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// As it was asked for.
    Given(String),
    /// Made up: where it is taken, another number makes another one.
    MadeUp(String),
}

impl Name {
    /// The name that was asked for. One that no workspace may have is what a name is made of, and where there is none,
    /// that is the template's.
    pub(super) fn choose(wanted: Option<&str>, template: &str, number: u16) -> Self {
        match wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) {
            Some(wanted) if is_valid(wanted) => Self::Given(wanted.to_owned()),
            Some(wanted) => Self::MadeUp(made_up(wanted, number)),
            None => Self::MadeUp(made_up(template, number)),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Given(name) | Self::MadeUp(name) => name,
        }
    }
}

/// What `workspaces` takes.
fn is_valid(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MAX).contains(&name.len()) && name.chars().all(fits)
}

fn made_up(seed: &str, number: u16) -> String {
    let mut base = String::new();
    for c in seed.chars().flat_map(char::to_lowercase) {
        if base.len() == MAX_SEED {
            break;
        }
        match c {
            c if c.is_ascii_alphanumeric() => base.push(c),
            _ if base.is_empty() || base.ends_with('-') => {}
            _ => base.push('-'),
        }
    }
    let base = base.trim_end_matches('-');
    format!("{}-{number:04x}", if base.is_empty() { FALLBACK } else { base })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(name: &str) -> Name {
        Name::Given(name.to_owned())
    }

    fn made(name: &str) -> Name {
        Name::MadeUp(name.to_owned())
    }

    /// L16: a name that fits is taken as it is; of any other a name is made.
    #[test]
    fn l16_a_name_is_the_wish_or_made_of_it() {
        let long = "a".repeat(40);
        for (wanted, expected) in [
            (Some("dev-2"), given("dev-2")),
            (Some(" dev "), given("dev")),
            (Some("My Project!"), made("my-project-00ff")),
            (Some("--x--"), given("--x--")),
            (Some("__x__"), made("x-00ff")),
            (Some("Ünïcödé Wörk"), made("n-c-d-w-rk-00ff")),
            (Some("工作区"), made("workspace-00ff")),
            (Some("!!!"), made("workspace-00ff")),
            (Some(long.as_str()), made(&format!("{}-00ff", "a".repeat(27)))),
            (Some("  "), made("local-00ff")),
            (None, made("local-00ff")),
        ] {
            assert_eq!(Name::choose(wanted, "local", 255), expected, "{wanted:?}");
        }
        assert_eq!(Name::choose(None, "", 1), made("workspace-0001"));
        let cut = format!("{} b", "a".repeat(26));
        assert_eq!(Name::choose(Some(&cut), "t", 1), made(&format!("{}-0001", "a".repeat(26))), "no dash at the cut");
    }

    proptest! {
        /// L16: whatever is asked for, the name is one that a workspace may have, and two numbers make two names.
        #[test]
        fn l16_every_name_is_valid(wanted in ".{0,80}", template in ".{0,40}", one: u16, two: u16) {
            let first = Name::choose(Some(&wanted), &template, one);
            prop_assert!(is_valid(first.as_str()), "{first:?}");
            prop_assert!(first.as_str().len() <= MAX_SEED + 1 + 4 || matches!(first, Name::Given(_)));
            let second = Name::choose(Some(&wanted), &template, two);
            if let Name::MadeUp(name) = &first {
                prop_assert_eq!(one == two, name.as_str() == second.as_str());
                prop_assert!(!name.starts_with('-'));
            }
        }
    }
}
