use proptest::prelude::*;

use super::*;
use crate::domain::{Manifest, ManifestFormat};

/// Every kind of parameter.
const MANIFEST: &str = r#"
[[parameters]]
name = "region"
default = "eu"
options = [{ value = "eu" }, { value = "us" }]

[[parameters]]
name = "repository"
required = true
mutable = true
validation = { regex = "^https://" }

[[parameters]]
name = "cpu"
type = "number"
mutable = true
default = 2
validation = { min = 1, max = 64, error = "choose between 1 and 64" }

[[parameters]]
name = "disk"
type = "number"
mutable = true
default = 10
validation = { monotonic = "increasing" }

[[parameters]]
name = "idle"
type = "number"
mutable = true
default = 10
validation = { monotonic = "decreasing" }

[[parameters]]
name = "rebuild"
type = "bool"
mutable = true
ephemeral = true
default = false

[[parameters]]
name = "tools"
type = "list(string)"
mutable = true
default = ["git"]
options = [{ value = "git" }, { value = "node" }]

[[parameters]]
name = "note"
mutable = true

[[presets]]
name = "large"
parameters = { region = "us", cpu = 16, tools = ["git", "node"] }
"#;

fn manifest() -> Manifest {
    Manifest::read(ManifestFormat::Toml, MANIFEST).expect("a manifest")
}

/// `a=1 b=2` as values.
fn values(text: &str) -> Values {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn resolved(explicit: &str, preset: Option<&str>, previous: Option<&str>) -> Result<Values, Violations> {
    let manifest = manifest();
    let (explicit, previous) = (values(explicit), previous.map(values));
    let preset = preset.map(|name| manifest.preset(name).expect("a preset"));
    resolve(&manifest.parameters, Choice { explicit: &explicit, preset, previous: previous.as_ref() })
}

const FIRST: &str = "repository=https://a";
/// What a first build with `FIRST` has.
const DEFAULTS: &str = "region=eu repository=https://a cpu=2 disk=10 idle=10 rebuild=false tools=[\"git\"]";

#[test]
fn what_is_given_comes_before_the_preset_the_build_before_and_the_default() {
    let earlier = "region=us repository=https://b cpu=8 disk=20 idle=5 rebuild=true tools=[\"node\"] note=x";
    for (case, explicit, preset, previous, expected) in [
        ("defaults", FIRST, None, None, DEFAULTS),
        (
            "a preset",
            FIRST,
            Some("large"),
            None,
            "region=us repository=https://a cpu=16 disk=10 idle=10 rebuild=false tools=[\"git\",\"node\"]",
        ),
        (
            "given before the preset",
            "repository=https://a cpu=4.0 tools=[] region=eu",
            Some("large"),
            None,
            "region=eu repository=https://a cpu=4 disk=10 idle=10 rebuild=false tools=[]",
        ),
        (
            "the build before, but for what is ephemeral",
            "",
            None,
            Some(earlier),
            "region=us repository=https://b cpu=8 disk=20 idle=5 rebuild=false tools=[\"node\"] note=x",
        ),
        (
            "a preset before the build before",
            "",
            Some("large"),
            Some(earlier),
            "region=us repository=https://b cpu=16 disk=20 idle=5 rebuild=false tools=[\"git\",\"node\"] note=x",
        ),
        (
            "given before the build before",
            "rebuild=true cpu=1 disk=20 idle=5 note=y",
            None,
            Some(earlier),
            "region=us repository=https://b cpu=1 disk=20 idle=5 rebuild=true tools=[\"node\"] note=y",
        ),
        (
            "a default for what the build before had not",
            "",
            None,
            Some("repository=https://b cpu=8 gone=1"),
            "region=eu repository=https://b cpu=8 disk=10 idle=10 rebuild=false tools=[\"git\"]",
        ),
        (
            "what can not be changed is given as it was",
            "region=us",
            None,
            Some(earlier),
            "region=us repository=https://b cpu=8 disk=20 idle=5 rebuild=false tools=[\"node\"] note=x",
        ),
        (
            "what can not be changed is given when it is new",
            "region=us repository=https://b",
            None,
            Some("cpu=8"),
            "region=us repository=https://b cpu=8 disk=10 idle=10 rebuild=false tools=[\"git\"]",
        ),
    ] {
        assert_eq!(resolved(explicit, preset, previous), Ok(values(expected)), "{case}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_origin() {
    for (case, explicit, preset, previous, expected) in [
        ("missing", "", None, None, &["`parameters.repository` is required: give a string"][..]),
        ("missing later", "", None, Some("cpu=2"), &["`parameters.repository` is required"]),
        (
            "unknown",
            "repository=https://a gpu=1",
            None,
            None,
            &["`parameters.gpu` is no parameter of this template: it has `region`, "],
        ),
        (
            "no match",
            "repository=http://a",
            None,
            None,
            &["`parameters.repository` must match `^https://`, but is `http://a`"],
        ),
        (
            "no number",
            "repository=https://a disk=x",
            None,
            None,
            &["`parameters.disk` must be a number like `2` or `0.5`"],
        ),
        ("too low", "repository=https://a cpu=0", None, None, &["`parameters.cpu` choose between 1 and 64"]),
        ("too high", "repository=https://a cpu=64.5", None, None, &["`parameters.cpu` choose between 1 and 64"]),
        (
            "no bool",
            "repository=https://a rebuild=yes",
            None,
            None,
            &["`parameters.rebuild` must be `true` or `false`, not `yes`"],
        ),
        ("no list", "repository=https://a tools=git", None, None, &["`parameters.tools` must be a JSON list of texts"]),
        (
            "no option",
            "repository=https://a region=mars",
            None,
            None,
            &["`parameters.region` must be one of `eu`, `us`, not `mars`"],
        ),
        (
            "an item that is no option",
            "repository=https://a tools=[\"git\",\"vi\"]",
            None,
            None,
            &["`parameters.tools` must be one of `git`, `node`, not `vi`"],
        ),
        (
            "changed",
            "region=us",
            None,
            Some(DEFAULTS),
            &["`parameters.region` can not be changed after the first build: it stays `eu`"],
        ),
        ("changed by a preset", "", Some("large"), Some(DEFAULTS), &["`parameters.region` can not be changed"]),
        ("lower", "disk=9", None, Some(DEFAULTS), &["`parameters.disk` must not become lower: it is 10, not 9"]),
        ("higher", "idle=11", None, Some(DEFAULTS), &["`parameters.idle` must not become higher: it is 10, not 11"]),
        (
            "of the build before",
            "",
            None,
            Some("repository=https://a cpu=100"),
            &["`parameters.cpu` choose between 1 and 64 (from the build before: give another value)"],
        ),
        (
            "of the build before, for good",
            "",
            None,
            Some("repository=https://a region=moon"),
            &["not `moon` (from the build before, and it can not be changed: create another workspace"],
        ),
        (
            "of another type in the build before",
            "",
            None,
            Some("repository=https://a cpu=many"),
            &["`parameters.cpu` must be a number", "(from the build before: give another value)"],
        ),
        (
            "all at once",
            "gpu=1 cpu=0 disk=1 rebuild=1 region=us",
            None,
            Some("region=eu disk=10"),
            &[
                "`parameters.gpu` is no",
                "`parameters.region` can not be changed",
                "`parameters.repository` is required",
                "`parameters.cpu` choose",
                "`parameters.disk` must not become lower",
                "`parameters.rebuild` must be",
            ],
        ),
    ] {
        let refused = resolved(explicit, preset, previous).expect_err(case).to_string();
        let mut rest = refused.as_str();
        for part in expected {
            let found = rest.find(part);
            rest = &rest[found.unwrap_or_else(|| panic!("{case}: no `{part}` in order in {refused}"))..];
        }
    }
}

#[test]
fn a_name_that_is_unknown_is_not_repeated_in_full() {
    let explicit = Values::from([("x\n".repeat(4000), String::new())]);
    let refused = resolve(&[], Choice { explicit: &explicit, preset: None, previous: None }).expect_err("refused");
    let text = refused.to_string();
    assert!(text.len() < 250 && text.contains("it has none") && !text.contains('\n'), "{text}");
}

/// Some choice, mostly a valid one.
fn any_choice() -> impl Strategy<Value = Values> {
    let one = prop_oneof![
        Just(("region", "eu")),
        Just(("region", "us")),
        Just(("repository", "https://a")),
        Just(("repository", "https://b")),
        Just(("cpu", "4")),
        Just(("cpu", "100")),
        Just(("disk", "10")),
        Just(("disk", "30")),
        Just(("idle", "3")),
        Just(("rebuild", "true")),
        Just(("tools", "[\"node\"]")),
        Just(("note", "x")),
    ];
    prop::collection::vec(one, 0..8)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

proptest! {
    /// Over any number of builds: what is required is there, nothing else than parameters is, what was given is what
    /// is there, what can not change does not, and what is ephemeral is as given or as by default.
    #[test]
    fn the_rules_hold_over_any_number_of_builds(
        choices in prop::collection::vec((any_choice(), any::<bool>()), 1..6),
    ) {
        let manifest = manifest();
        let mut previous: Option<Values> = None;
        for (explicit, with_preset) in choices {
            let preset = manifest.preset("large").filter(|_| with_preset);
            let choice = Choice { explicit: &explicit, preset, previous: previous.as_ref() };
            let Ok(values) = resolve(&manifest.parameters, choice) else { continue };
            prop_assert!(values.contains_key("repository"));
            prop_assert!(values.keys().all(|name| manifest.parameters.iter().any(|one| one.name == *name)));
            prop_assert!(explicit.iter().all(|(name, value)| values.get(name) == Some(value)));
            prop_assert!(explicit.contains_key("rebuild") || values["rebuild"] == "false");
            if let Some(previous) = &previous {
                prop_assert_eq!(&previous["region"], &values["region"]);
                let number = |values: &Values, name: &str| values[name].parse::<f64>().expect("a number");
                prop_assert!(number(previous, "disk") <= number(&values, "disk"));
                prop_assert!(number(previous, "idle") >= number(&values, "idle"));
            }
            let nothing = Values::new();
            let again = resolve(&manifest.parameters, Choice { explicit: &nothing, preset: None, previous: Some(&values) });
            let mut expected = values.clone();
            expected.insert("rebuild".to_owned(), "false".to_owned());
            prop_assert_eq!(again, Ok(expected), "a build without a choice is like the one before");
            previous = Some(values);
        }
    }
}
