//! Manifests that are refused, each with its error.

use super::FULL;
use crate::domain::{Manifest, ManifestFormat};

fn refusal(format: ManifestFormat, text: &str) -> String {
    Manifest::read(format, text).expect_err(text).to_string()
}

/// A manifest with one parameter, of which this is a part.
fn parameter(rest: &str) -> String {
    format!("[[parameters]]\nname = 'p'\n{rest}\n")
}

/// A manifest with one preset, of which this is a part, and parameters for it.
fn preset(rest: &str) -> String {
    format!(
        "[[parameters]]\nname = 'size'\ntype = 'number'\nvalidation = {{ max = 9 }}\n\
         [[parameters]]\nname = 'branch'\nrequired = true\n[[presets]]\nname = 'one'\n{rest}\n"
    )
}

fn script(rest: &str) -> String {
    format!("[[agents]]\nname = 'main'\n[[agents.scripts]]\n{rest}\n")
}

#[test]
fn what_is_no_manifest_is_refused_with_its_place() {
    let huge = format!("description = '{}'", "x".repeat(1024 * 1024));
    for (text, expected) in [
        ("display_name = ", "`manifest` is not valid TOML: line 1, column 1"),
        ("a = 1\na = 2\n", "`manifest` is not valid TOML: line 2, column 1: duplicate key"),
        ("display_name = 'x'\n\nicon == 'y'\n", "`manifest` is not valid TOML: line 3"),
        ("color = 'red'\n", "`color` unknown field `color`, expected one of `display_name`"),
        ("display_name = 1\n", "`display_name` invalid type: integer `1`, expected a string"),
        ("parameters = 'x'\n", "`parameters` invalid type: string \"x\", expected a sequence"),
        ("[[parameters]]\ntype = 'string'\n", "`parameters[0]` missing field `name`"),
        (
            "[[parameters]]\nname = 'a'\n[[parameters]]\nname = 'b'\ntype = 'text'\n",
            "`parameters[1].type` unknown variant `text`, expected one of `string`, `number`, `bool`, `list(string)`",
        ),
        ("[[parameters]]\nname = 'a'\ntyp = 'bool'\n", "`parameters[0].typ` unknown field `typ`"),
        ("[[parameters]]\nname = 'a'\nmutable = 'yes'\n", "`parameters[0].mutable` invalid type: string \"yes\""),
        ("[[parameters]]\nname = 'a'\ndefault = [1]\n", "`parameters[0].default[0]` invalid type: integer `1`"),
        ("[[parameters]]\nname = 'a'\ndefault = {}\n", "expected text, a number, true or false, or a list of texts"),
        (
            "[[parameters]]\nname = 'a'\nvalidation = { monotonic = 'up' }\n",
            "`parameters[0].validation.monotonic` unknown variant `up`, expected `increasing` or `decreasing`",
        ),
        ("[[presets]]\nname = 'a'\nprebuilds = { count = 1 }\n", "`presets[0].prebuilds.count` unknown field `count`"),
        ("[[presets]]\nname = 'a'\nprebuilds = { instances = -1 }\n", "`presets[0].prebuilds.instances` invalid value"),
        ("[timeouts]\nbuild = 'soon'\n", "`timeouts.build`"),
        ("[timeouts]\nboot = '1m'\n", "`timeouts.boot` unknown field `boot`"),
        ("[[parameters]]\nname = 'a'\nvalidation = { min = inf }\n", "a number must be finite"),
        (huge.as_str(), "`manifest` must have 1 MiB at most"),
    ] {
        let refused = refusal(ManifestFormat::Toml, text);
        assert!(refused.contains(expected), "{text}: {refused}");
    }
    for (text, expected) in [
        ("a: b: c\n", "`manifest` is not valid YAML: line 1"),
        ("just text\n", "`manifest` must be keys with values"),
        ("- name: x\n", "`manifest` must be keys with values"),
        ("a: &x 1\n", "`a` unknown field `a`"),
        ("description: *x\n", "`manifest` is not valid YAML: line 1"),
        ("parameters:\n  - name: a\n    default:\n      b: 1\n", "`parameters[0].default` invalid type: map"),
        ("parameters:\n  - name: a\n    nam: b\n", "`parameters[0].nam` unknown field `nam`"),
    ] {
        let refused = refusal(ManifestFormat::Yaml, text);
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

/// E6: what is wrong with a template, and where.
#[test]
fn what_contradicts_itself_is_refused_with_its_place() {
    let (long, line) = ("x".repeat(1001), "x".repeat(65));
    for (text, expected) in [
        (format!("display_name = '{line}'"), "`display_name` must be one line of 64 characters at most"),
        ("display_name = \"a\\nb\"".to_owned(), "`display_name` must be one line"),
        ("display_name = ' a'".to_owned(), "`display_name` must be one line"),
        (format!("description = '{long}'"), "`description` must have 1000 bytes at most"),
        ("icon = 'javascript:alert(1)'".to_owned(), "`icon` must begin with `/` or `https://`"),
        ("icon = '/a b'".to_owned(), "`icon` must begin with"),
        ("provisioner = 'My Cloud'".to_owned(), "`provisioner` must be 1 to 32 lower-case letters"),
        ("[[agents]]\nname = 'Main'".to_owned(), "`agents[0].name` must be 1 to 32 lower-case letters"),
        ("[[agents]]\nname = 'a'\n[[agents]]\nname = 'a'".to_owned(), "`agents[1].name` is the name of another agent"),
        ("daily_cost = 1000001".to_owned(), "`daily_cost` must be 1000000 at most"),
        ("default_ttl = '31d'".to_owned(), "`default_ttl` must be whole seconds, 30 days at most"),
        ("max_lifetime = '59s'".to_owned(), "`max_lifetime` must be whole seconds, 1m to 30 days"),
        ("max_lifetime = '90500ms'".to_owned(), "`max_lifetime` must be whole seconds, 1m to 30 days"),
        ("max_lifetime = '31d'".to_owned(), "`max_lifetime` must be whole seconds, 1m to 30 days"),
        (
            "max_lifetime = '1h'\ndefault_ttl = '2h'".to_owned(),
            "`default_ttl` must not be longer than `max_lifetime`: it would never count",
        ),
        (
            "[[parameters]]\nname = 'git-branch'\n[[parameters]]\nname = 'git_branch'".to_owned(),
            "`parameters[1].name` must not differ from `git-branch` in `-` and `_` alone: both would be \
             CHATMESH_PARAMETER_GIT_BRANCH",
        ),
        ("activity_bump = '1500ms'".to_owned(), "`activity_bump` must be whole seconds"),
        (script("id = 'a'\nscript = 'x'"), "`agents[0].scripts[0]` never runs"),
        (script("id = 'a/b'\nscript = 'x'\nrun_on_stop = true"), "`agents[0].scripts[0].id` must be 1 to 64"),
        (script("id = 'a'\nscript = ' '\nrun_on_stop = true"), "`agents[0].scripts[0].script` must not be blank"),
        (script("id = 'a'\nscript = 'x'\ncron = '* * * * *'"), "`agents[0].scripts[0].cron` must have six fields"),
        (
            script("id = 'a'\nscript = 'x'\nrun_on_start = true\ntimeout = '25h'"),
            "`agents[0].scripts[0].timeout` must be",
        ),
        (
            "[[agents]]\nname = 'a'\nscripts = [{ id = 'x', script = 'y', run_on_start = true }, \
             { id = 'x', script = 'z', run_on_start = true }]"
                .to_owned(),
            "`agents[0].scripts[1].id` is the one of another script, too: `x`",
        ),
        ("[timeouts]\nbuild = '0s'".to_owned(), "`timeouts.build` must be whole seconds"),
        ("[timeouts]\nstartup = '1500ms'".to_owned(), "`timeouts.startup` must be whole seconds"),
        (
            "[timeouts]\nconnection = '61m'".to_owned(),
            "`timeouts.connection` must be whole seconds, 1h at most, or `0s` for",
        ),
        ("[timeouts]\nconnection = '500ms'".to_owned(), "`timeouts.connection` must be whole seconds"),
        ("[timeouts]\nconnection = '25h'".to_owned(), "`timeouts.connection` must be whole seconds"),
        ("[[parameters]]\nname = ''".to_owned(), "`parameters[0].name` must be 1 to 64"),
        ("[[parameters]]\nname = '1a'".to_owned(), "`parameters[0].name` must be 1 to 64"),
        ("[[parameters]]\nname = 'a.b'".to_owned(), "`parameters[0].name` must be 1 to 64"),
        (
            "[[parameters]]\nname = 'a'\n[[parameters]]\nname = 'a'".to_owned(),
            "`parameters[1].name` is the name of another parameter, too",
        ),
        (parameter(&format!("display_name = '{line}'")), "`parameters[0].display_name` must be one line"),
        (parameter(&format!("description = '{long}'")), "`parameters[0].description` must have 1000 bytes"),
        (parameter("required = true\ndefault = 'x'"), "`parameters[0].default` must be left out"),
        (parameter("ephemeral = true"), "`parameters[0].ephemeral` must not be true without `mutable`"),
        (parameter("mutable = true\nephemeral = true\nrequired = true"), "`parameters[0].required` must not be true"),
        (parameter("default = 1.20"), "`parameters[0].default` must be text: put it in quotes"),
        (parameter("type = 'number'\ndefault = 'many'"), "`parameters[0].default` must be a number like"),
        (parameter("type = 'number'\ndefault = true"), "`parameters[0].default` must be a number"),
        (parameter("type = 'number'\ndefault = 1e300"), "`parameters[0].default` must be a number like"),
        (parameter("type = 'bool'\ndefault = 'yes'"), "`parameters[0].default` must be `true` or `false`"),
        (parameter("type = 'bool'\ndefault = 1"), "`parameters[0].default` must be true or false"),
        (parameter("type = 'list(string)'\ndefault = 'a'"), "`parameters[0].default` must be a JSON list"),
        (parameter("type = 'list(string)'\ndefault = 1"), "`parameters[0].default` must be a list of texts"),
        (parameter("validation = { regex = '(' }"), "`parameters[0].validation.regex` must be a regular expression: "),
        (
            parameter("validation = { regex = '((a{100}){100}){100}' }"),
            "`parameters[0].validation.regex` must be a regular expression: ",
        ),
        (
            parameter(&format!("validation = {{ regex = '{long}' }}")),
            "`parameters[0].validation.regex` must have 1000 bytes",
        ),
        (
            parameter("type = 'bool'\nvalidation = { regex = 'x' }"),
            "`parameters[0].validation.regex` is for the type `string`",
        ),
        (parameter("validation = { min = 1 }"), "`parameters[0].validation.min` is for the type `number` only"),
        (
            parameter("type = 'list(string)'\nvalidation = { max = 1 }"),
            "`parameters[0].validation.max` is for the type",
        ),
        (
            parameter("type = 'number'\nvalidation = { min = 2, max = 1 }"),
            "`parameters[0].validation.min` must not be higher",
        ),
        (
            parameter("type = 'number'\nvalidation = { monotonic = 'increasing' }"),
            "`parameters[0].validation.monotonic` is for",
        ),
        (
            parameter("mutable = true\nvalidation = { monotonic = 'decreasing' }"),
            "`parameters[0].validation.monotonic` is for",
        ),
        (parameter("validation = { error = 'x' }"), "`parameters[0].validation.error` must be left out"),
        (
            parameter(&format!("validation = {{ regex = 'x', error = '{}' }}", "x".repeat(257))),
            "`parameters[0].validation.error` must be one line of 256",
        ),
        (
            parameter("default = 'b'\nvalidation = { regex = 'a' }"),
            "`parameters[0].default` must match `a`, but is `b`",
        ),
        (
            parameter("type = 'number'\ndefault = 9\nvalidation = { max = 8, error = 'too many' }"),
            "`parameters[0].default` too many",
        ),
        (
            parameter("default = 'b'\noptions = [{ value = 'a' }]"),
            "`parameters[0].default` must be one of `a`, not `b`",
        ),
        (
            parameter("options = [{ value = 'a' }, { value = 'a' }]"),
            "`parameters[0].options[1].value` is the value of another option, too",
        ),
        (
            parameter("type = 'number'\noptions = [{ value = 1 }, { value = '1.0' }]"),
            "`parameters[0].options[1].value` is the value of another option, too",
        ),
        (
            parameter("type = 'number'\noptions = [{ value = 'a' }]"),
            "`parameters[0].options[0].value` must be a number",
        ),
        (
            parameter("type = 'list(string)'\noptions = [{ value = 1 }]"),
            "`parameters[0].options[0].value` must be text",
        ),
        (parameter("type = 'bool'\noptions = [{ value = true }]"), "`parameters[0].options` must be left out"),
        (
            parameter("type = 'number'\noptions = [{ value = 3 }]\nvalidation = { max = 2 }"),
            "`parameters[0].options[0].value` must be 2 or less, not 3",
        ),
        (
            parameter(&format!("options = [{{ value = 'a', name = '{line}' }}]")),
            "`parameters[0].options[0].name` must be",
        ),
        ("[[presets]]\nname = ''".to_owned(), "`presets[0].name` must not be empty"),
        (
            "[[presets]]\nname = 'a'\n[[presets]]\nname = 'a'".to_owned(),
            "`presets[1].name` is the name of another preset",
        ),
        (
            "[[presets]]\nname = 'a'\nis_default = true\n[[presets]]\nname = 'b'\nis_default = true".to_owned(),
            "`presets[1].is_default` is true for another preset, too",
        ),
        (preset("icon = 'x'"), "`presets[0].icon` must begin with"),
        (preset("parameters = { gpu = 1 }"), "`presets[0].parameters.gpu` is no parameter of this version"),
        (preset("parameters = { size = 'x' }"), "`presets[0].parameters.size` must be a number"),
        (preset("parameters = { size = 10 }"), "`presets[0].parameters.size` must be 9 or less, not 10"),
        (preset("parameters = { branch = 1 }"), "`presets[0].parameters.branch` must be text"),
        (preset("prebuilds = { instances = 101 }"), "`presets[0].prebuilds.instances` must be 100 at most"),
        (preset("prebuilds = { instances = 1 }"), "`presets[0].prebuilds` needs a value for `branch` in the preset"),
        (
            "provisioner = 'external'\n[[presets]]\nname = 'a'\nprebuilds = { instances = 1 }".to_owned(),
            "`presets[0].prebuilds` must be left out where `provisioner` is `external`: a workspace is ready once its \
             owner has started its agent",
        ),
    ] {
        let refused = refusal(ManifestFormat::Toml, &text);
        assert!(refused.contains(expected), "{text}: {refused}");
        assert_eq!(refused.matches("; `").count(), usize::from(text.contains("instances = 101")), "{text}: {refused}");
    }
}

#[test]
fn too_many_of_something_are_refused() {
    let parameters: String = (0..65).map(|number| format!("[[parameters]]\nname = 'p{number}'\n")).collect();
    let presets: String = (0..33).map(|number| format!("[[presets]]\nname = 'p{number}'\n")).collect();
    let options: Vec<String> = (0..65).map(|number| format!("{{ value = 'v{number}' }}")).collect();
    let agents = (0..9).map(|number| format!("[[agents]]\nname = 'a{number}'\n")).collect();
    for (text, expected) in [
        (agents, "`agents` must be 8 at most"),
        (parameters, "`parameters` must be 64 at most"),
        (presets, "`presets` must be 32 at most"),
        (parameter(&format!("options = [{}]", options.join(", "))), "`parameters[0].options` must be 64 at most"),
    ] {
        assert_eq!(refusal(ManifestFormat::Toml, &text), expected);
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_not_without_end() {
    let text = FULL
        .replace("provisioner = \"local\"", "provisioner = \"LOCAL\"")
        .replace("default = \"eu\"", "default = \"mars\"")
        .replace("regex = \"^[a-z]+$\"", "regex = \"[\"")
        .replace("cpu = 16", "cpu = 17");
    let refused = Manifest::read(ManifestFormat::Toml, &text).expect_err("refused");
    let fields: Vec<&str> = refused.iter().map(|violation| violation.field.as_str()).collect();
    let expected =
        ["provisioner", "parameters[0].default", "parameters[1].validation.regex", "presets[0].parameters.cpu"];
    // The value of the preset can not be checked against a rule that is none, and fulfils none.
    let others = fields.iter().filter(|field| !expected.contains(field)).copied().collect::<Vec<_>>();
    assert_eq!(others, ["presets[0].parameters.branch"], "{refused}");
    assert!(expected.iter().all(|field| fields.contains(field)), "{refused}");

    let many: String = (0..60).map(|number| format!("[[parameters]]\nname = 'P{number}'\n")).collect();
    let refused = Manifest::read(ManifestFormat::Toml, &many).expect_err("refused");
    assert_eq!(refused.iter().count(), 33);
    let last = refused.iter().last().expect("one");
    assert_eq!(
        (last.field.as_str(), last.description.as_str()),
        ("manifest", "has 28 more problems: correct these first")
    );
}
