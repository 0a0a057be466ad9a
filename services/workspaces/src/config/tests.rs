use std::io::Write as _;
use std::time::Duration;

use chatmesh_runtime::config::Sources;
use serde::Deserialize;

use super::*;
use crate::domain::{Script, ScriptManifest};

/// The configuration of a process, of which one section is ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    workspaces: Config,
}

fn read(text: &str) -> Result<Config, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    let sources = Sources { file: Some(file.path()), ..Sources::default() };
    sources.load::<Sections>().map(|sections| sections.workspaces).map_err(|error| error.to_string())
}

fn script() -> ScriptManifest {
    ScriptManifest { id: "a".to_owned(), script: "true".to_owned(), run_on_start: true, ..ScriptManifest::default() }
}

fn template(scripts: Vec<ScriptManifest>) -> TemplateConfig {
    TemplateConfig {
        name: "rust".to_owned(),
        description: String::new(),
        provisioner: "local".to_owned(),
        scripts,
        kubernetes: None,
    }
}

fn refusal(templates: Vec<TemplateConfig>) -> String {
    Config { templates, ..Config::default() }.validate().expect_err("refused")
}

#[test]
fn templates_are_read_with_defaults_for_what_is_left_out() {
    assert_eq!(read("").expect("read").templates.len(), 0);
    let config = read(
        "[[workspaces.templates]]\nname = 'rust'\n\
         [[workspaces.templates.scripts]]\nid = 'fetch'\nscript = 'git clone x'\nrun_on_start = true\ntimeout = '5m'\n\
         [[workspaces.templates.scripts]]\nid = 'tidy'\nscript = 'rm -rf /tmp/x'\ncron = ' 0 30 4 * * * '\n",
    );
    let config = config.expect("read");
    assert_eq!(config.validate(), Ok(()));
    let [template] = config.templates.as_slice() else { panic!("{config:?}") };
    assert_eq!(
        (template.name.as_str(), template.description.as_str(), template.provisioner.as_str()),
        ("rust", "", "local")
    );
    let fetch = Script {
        id: "fetch".to_owned(),
        script: "git clone x".to_owned(),
        run_on_start: true,
        timeout_seconds: 300,
        ..Script::default()
    };
    let tidy = Script {
        id: "tidy".to_owned(),
        script: "rm -rf /tmp/x".to_owned(),
        cron: "0 30 4 * * *".to_owned(),
        ..Script::default()
    };
    assert_eq!(template.clone().manifest().agents()[0].2, [fetch, tidy]);
}

#[test]
fn an_unknown_key_is_refused_with_its_name() {
    for (text, key) in [
        ("[workspaces]\ntemplate = []\n", "template"),
        ("[[workspaces.templates]]\nname = 'rust'\nscript = 'x'\n", "script"),
        (
            "[[workspaces.templates]]\nname = 'rust'\n[[workspaces.templates.scripts]]\nid = 'a'\nscript = 'x'\nrun_at = true\n",
            "run_at",
        ),
    ] {
        let error = read(text).expect_err("refused");
        assert!(error.contains(key), "{error}");
    }
}

/// S01: what an agent would refuse is refused when the service starts, with its place.
#[test]
fn a_script_that_an_agent_would_refuse_is_refused_at_the_start() {
    let second = Duration::from_secs(1);
    for (wrong, expected) in [
        (ScriptManifest { id: String::new(), ..script() }, "scripts[1].id"),
        (ScriptManifest { id: "..".to_owned(), ..script() }, "scripts[1].id"),
        (ScriptManifest { id: "a/b".to_owned(), ..script() }, "scripts[1].id"),
        (ScriptManifest { id: "x".repeat(65), ..script() }, "scripts[1].id"),
        (
            ScriptManifest { id: "first".to_owned(), ..script() },
            "scripts[1].id is the one of another script, too: `first`",
        ),
        (ScriptManifest { script: " \n".to_owned(), ..script() }, "scripts[1].script"),
        (ScriptManifest { script: "a\0b".to_owned(), ..script() }, "scripts[1].script"),
        (ScriptManifest { script: "x".repeat(96 * 1024 + 1), ..script() }, "96 KiB"),
        (ScriptManifest { run_on_start: false, ..script() }, "scripts[1] never runs"),
        (ScriptManifest { cron: "* * * * *".to_owned(), ..script() }, "scripts[1].cron"),
        (ScriptManifest { cron: "61 * * * * *".to_owned(), ..script() }, "scripts[1].cron"),
        (ScriptManifest { cron: "nonsense".to_owned(), ..script() }, "six fields"),
        (ScriptManifest { timeout: Some(Duration::ZERO), ..script() }, "scripts[1].timeout"),
        (ScriptManifest { timeout: Some(second / 2), ..script() }, "scripts[1].timeout"),
        (ScriptManifest { timeout: Some(second * 86_401), ..script() }, "scripts[1].timeout"),
        (ScriptManifest { log_path: "relative".to_owned(), ..script() }, "scripts[1].log_path"),
        (ScriptManifest { log_path: "~other/x".to_owned(), ..script() }, "scripts[1].log_path"),
        (ScriptManifest { display_name: "x".repeat(1025), ..script() }, "scripts[1].display_name"),
    ] {
        let first = ScriptManifest { id: "first".to_owned(), ..script() };
        let refused =
            refusal(vec![template(vec![]), TemplateConfig { name: "b".to_owned(), ..template(vec![first, wrong]) }]);
        assert!(refused.starts_with("workspaces.templates[1].scripts[1]") && refused.contains(expected), "{refused}");
    }
    let most = ScriptManifest { timeout: Some(second * 86_400), log_path: "~/x".to_owned(), ..script() };
    assert_eq!(Config { templates: vec![template(vec![most])], ..Config::default() }.validate(), Ok(()));
}

/// A Pod in the configuration is one as in the manifest of a template, with the same rules.
#[test]
fn a_template_of_the_configuration_may_be_a_pod() {
    let text = "[[workspaces.templates]]\nname = 'pod'\nprovisioner = 'kubernetes'\n\
                [workspaces.templates.kubernetes]\nimage = 'debian:13'\n";
    let config = read(text).expect("read");
    assert_eq!(config.validate(), Ok(()));
    let manifest = config.templates[0].clone().manifest();
    assert_eq!(manifest.kubernetes.as_ref().map(|pod| pod.image.as_str()), Some("debian:13"));
    assert!(manifest.settings().expect("settings").contains("debian:13"));
    for (wrong, expected) in [
        (text.replace("'kubernetes'", "'local'"), "workspaces.templates[0].kubernetes must be left out, unless"),
        (text.replace("debian:13", ""), "workspaces.templates[0].kubernetes.image"),
        (
            "[[workspaces.templates]]\nname = 'pod'\nprovisioner = 'kubernetes'\n".to_owned(),
            "workspaces.templates[0].kubernetes must be there, with an `image`",
        ),
    ] {
        let refused = read(&wrong).expect("read").validate().expect_err("refused");
        assert!(refused.contains(expected), "{refused}");
    }
    let error = read(&text.replace("image =", "imag =")).expect_err("refused");
    assert!(error.contains("imag"), "{error}");
}

#[test]
fn a_template_that_can_not_be_named_or_sent_is_refused() {
    let named = |name: &str| TemplateConfig { name: name.to_owned(), ..template(vec![]) };
    let numbered = |count: usize, text: &str| {
        let scripts = (0..count).map(|id| ScriptManifest { id: id.to_string(), script: text.to_owned(), ..script() });
        template(scripts.collect())
    };
    for (wrong, expected) in [
        (vec![named("")], "workspaces.templates[0].name"),
        (vec![named("No")], "workspaces.templates[0].name"),
        (vec![named("a"), named("b"), named("a")], "workspaces.templates[2].name: another template is named `a`"),
        (vec![TemplateConfig { provisioner: "x y".to_owned(), ..named("a") }], "workspaces.templates[0].provisioner"),
        (vec![TemplateConfig { description: "x".repeat(1001), ..named("a") }], "workspaces.templates[0].description"),
        (vec![numbered(65, "true")], "64 at most"),
        (vec![numbered(6, &"x".repeat(90 * 1024))], "512 KiB at most together"),
    ] {
        let refused = refusal(wrong);
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(Config { templates: vec![numbered(64, "true")], ..Config::default() }.validate(), Ok(()));
}

/// B.12: what a user may take is the sum over their groups.
#[test]
fn a_user_has_the_credits_of_all_their_groups() {
    let (one, two, none) = ("0".repeat(31) + "1", "0".repeat(31) + "2", "0".repeat(31) + "3");
    let groups = format!(
        "[[workspaces.quota.groups]]\nname = 'research'\ncredits = 5\nmembers = ['{one}', '{two}', '{one}']\n\
         [[workspaces.quota.groups]]\nname = 'build'\ncredits = 7\nmembers = ['{two}']\n"
    );
    let budgets = |text: &str| {
        let config = read(text).expect("read");
        assert_eq!(config.validate(), Ok(()));
        let quota = config.quota.quota();
        [&one, &two, &none].map(|user| quota.budget(user.parse().expect("an id")))
    };
    assert_eq!(budgets(""), [None; 3]);
    assert_eq!(budgets("[workspaces.quota]\ncredits = 3\n"), [Some(3); 3]);
    assert_eq!(budgets(&groups), [Some(5), Some(12), None]);
    assert_eq!(budgets(&format!("[workspaces.quota]\ncredits = 3\n{groups}")), [Some(8), Some(15), Some(3)]);
    for (text, expected) in [
        (groups.replace("'build'", "'research'"), "groups[1].name: another group is named `research`"),
        (groups.replace("'build'", "' '"), "groups[1].name: must not be empty"),
        (groups.replace(&format!("['{two}']"), "['me']"), "groups[1].members[0]: `me` must be a UUID"),
    ] {
        let refused = read(&text).expect("read").validate().expect_err("refused");
        assert!(refused.contains(expected), "{refused}");
    }
}
