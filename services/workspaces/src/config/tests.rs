use std::io::Write as _;
use std::time::Duration;

use chatmesh_runtime::config::Sources;
use serde::Deserialize;

use super::*;
use crate::domain::Script;

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

fn script() -> ScriptConfig {
    ScriptConfig { id: "a".to_owned(), script: "true".to_owned(), run_on_start: true, ..ScriptConfig::default() }
}

fn template(scripts: Vec<ScriptConfig>) -> TemplateConfig {
    TemplateConfig { name: "rust".to_owned(), description: String::new(), provisioner: "local".to_owned(), scripts }
}

fn refusal(templates: Vec<TemplateConfig>) -> String {
    Config { templates }.validate().expect_err("refused")
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
    assert_eq!(template.scripts(), [fetch, tidy]);
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
        (ScriptConfig { id: String::new(), ..script() }, "scripts[1].id"),
        (ScriptConfig { id: "..".to_owned(), ..script() }, "scripts[1].id"),
        (ScriptConfig { id: "a/b".to_owned(), ..script() }, "scripts[1].id"),
        (ScriptConfig { id: "x".repeat(65), ..script() }, "scripts[1].id"),
        (ScriptConfig { id: "first".to_owned(), ..script() }, "another script of the template is named `first`"),
        (ScriptConfig { script: " \n".to_owned(), ..script() }, "scripts[1].script"),
        (ScriptConfig { script: "a\0b".to_owned(), ..script() }, "scripts[1].script"),
        (ScriptConfig { script: "x".repeat(96 * 1024 + 1), ..script() }, "96 KiB"),
        (ScriptConfig { run_on_start: false, ..script() }, "scripts[1] never runs"),
        (ScriptConfig { cron: "* * * * *".to_owned(), ..script() }, "scripts[1].cron"),
        (ScriptConfig { cron: "61 * * * * *".to_owned(), ..script() }, "scripts[1].cron"),
        (ScriptConfig { cron: "nonsense".to_owned(), ..script() }, "six fields"),
        (ScriptConfig { timeout: Some(Duration::ZERO), ..script() }, "scripts[1].timeout"),
        (ScriptConfig { timeout: Some(second / 2), ..script() }, "scripts[1].timeout"),
        (ScriptConfig { timeout: Some(second * 86_401), ..script() }, "scripts[1].timeout"),
        (ScriptConfig { log_path: "relative".to_owned(), ..script() }, "scripts[1].log_path"),
        (ScriptConfig { log_path: "~other/x".to_owned(), ..script() }, "scripts[1].log_path"),
        (ScriptConfig { display_name: "x".repeat(1025), ..script() }, "scripts[1].display_name"),
    ] {
        let first = ScriptConfig { id: "first".to_owned(), ..script() };
        let refused =
            refusal(vec![template(vec![]), TemplateConfig { name: "b".to_owned(), ..template(vec![first, wrong]) }]);
        assert!(refused.starts_with("workspaces.templates[1].scripts[1]") && refused.contains(expected), "{refused}");
    }
    let most = ScriptConfig { timeout: Some(second * 86_400), log_path: "~/x".to_owned(), ..script() };
    assert_eq!(Config { templates: vec![template(vec![most])] }.validate(), Ok(()));
}

#[test]
fn a_template_that_can_not_be_named_or_sent_is_refused() {
    let named = |name: &str| TemplateConfig { name: name.to_owned(), ..template(vec![]) };
    let numbered = |count: usize, text: &str| {
        let scripts = (0..count).map(|id| ScriptConfig { id: id.to_string(), script: text.to_owned(), ..script() });
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
    assert_eq!(Config { templates: vec![numbered(64, "true")] }.validate(), Ok(()));
}
