//! Templates, their versions, and what is chosen for workspaces.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const TEMPLATES: &str = "/api/v1/templates";
const LOCAL: &str = "/api/v1/templates/local";

pub(super) fn all(world: &World) -> Vec<Case> {
    let as_admin = pushes().into_iter().chain(updates()).map(|case| case.token(&world.admin));
    let as_member = reads().into_iter().chain(choices(world)).map(|case| case.token(&world.member));
    as_admin.chain(as_member).collect()
}

fn pushes() -> Vec<Case> {
    let push = |name, body: Value| Case::post(name, format!("{TEMPLATES}/mine/versions"), &body);
    let toml = |name, manifest: &str| push(name, json!({ "manifest": manifest }));
    let yaml = |name, manifest: &str| push(name, json!({"manifest": manifest, "format": "MANIFEST_FORMAT_YAML"}));
    vec![
        Case::post("push to a bad name", format!("{TEMPLATES}/My%20Template/versions"), &json!({}))
            .violates("template", "must be 1 to 32 lower-case letters"),
        push("manifest of an unknown format", json!({"manifest": "", "format": 9}))
            .violates("format", "must be one of"),
        push("readme that is too long", json!({"readme": "x".repeat(64 * 1024 + 1)}))
            .violates("readme", "64 KiB at most"),
        push("message that is too long", json!({"message": "x".repeat(1001)}))
            .violates("message", "1000 bytes at most"),
        toml("manifest that is no TOML", "icon = ").violates("manifest", "is not valid TOML: line 1"),
        yaml("manifest that is no YAML", "icon: [").violates("manifest", "is not valid YAML: line"),
        yaml("manifest with an alias", "a: &a {}\nb: *a\n").violates("manifest", "aliases are not allowed"),
        yaml("manifest that is a list", "- icon: /x\n").violates("manifest", "must be keys with values"),
        toml("manifest with an unknown key", "colour = 'red'").violates("manifest.colour", "unknown field `colour`"),
        toml("manifest with a number for a text", "icon = 1").violates("manifest.icon", "expected a string"),
        toml("icon that is a script", "icon = 'javascript:x'")
            .violates("manifest.icon", "must begin with `/` or `https://`"),
        toml("script that never runs", "[[agents]]\nname = 'a'\nscripts = [{ id = 'a', script = 'x' }]")
            .violates("manifest.agents[0].scripts[0]", "never runs"),
        toml("parameter without a name", "[[parameters]]\n").violates("manifest.parameters[0]", "missing field `name`"),
        toml("parameter of an unknown type", "[[parameters]]\nname = 'a'\ntype = 'date'")
            .violates("manifest.parameters[0].type", "unknown variant `date`"),
        toml("two parameters of one name", "[[parameters]]\nname = 'a'\n[[parameters]]\nname = 'a'")
            .violates("manifest.parameters[1].name", "is the name of another parameter"),
        toml("default that is no option", "[[parameters]]\nname = 'a'\ndefault = 'x'\noptions = [{ value = 'y' }]")
            .violates("manifest.parameters[0].default", "must be one of `y`"),
        toml("regular expression that is none", "[[parameters]]\nname = 'a'\nvalidation = { regex = '(' }")
            .violates("manifest.parameters[0].validation.regex", "must be a regular expression"),
        toml("preset of an unknown parameter", "[[presets]]\nname = 'a'\nparameters = { x = 1 }")
            .violates("manifest.presets[0].parameters.x", "is no parameter of this version"),
        toml(
            "workspaces in advance whose agents somebody has to start",
            "provisioner = 'external'\n[[presets]]\nname = 'a'\nprebuilds = { instances = 1 }",
        )
        .violates("manifest.presets[0].prebuilds", "must be left out where `provisioner` is `external`"),
        toml("timeout of no time", "[timeouts]\nbuild = '0s'").violates("manifest.timeouts.build", "whole seconds"),
        Case::post(
            "another provisioner for a template",
            format!("{LOCAL}/versions"),
            &json!({"manifest": "provisioner = 'cloud'"}),
        )
        .violates("manifest.provisioner", "must stay `local`"),
    ]
}

fn updates() -> Vec<Case> {
    let update = |name, body: Value| Case::patch(name, LOCAL, &body);
    let missing = |case: Case| case.expect(404, Code::NotFound, "template `gpu` not found");
    vec![
        missing(Case::patch("change an unknown template", format!("{TEMPLATES}/gpu"), &json!({}))),
        update("active version that is empty", json!({"active_version": ""}))
            .violates("active_version", "must not be empty"),
        update("active version that is no number", json!({"active_version": "x"}))
            .violates("active_version", "must be the number of a version"),
        update("active version that is not there", json!({"active_version": "99"}))
            .violates("active_version", "is no version of the template `local`"),
        update("deprecation that is too long", json!({"deprecation": "x".repeat(1001)}))
            .violates("deprecation", "1000 bytes at most"),
    ]
}

fn reads() -> Vec<Case> {
    let denied = |case: Case| case.expect(403, Code::PermissionDenied, "only an administrator may do this");
    let missing = |case: Case, what: &str| case.expect(404, Code::NotFound, format!("`{what}` not found"));
    vec![
        denied(Case::post("push by a member", format!("{LOCAL}/versions"), &json!({"manifest": ""}))),
        denied(Case::patch("change of a template by a member", LOCAL, &json!({"deprecation": "x"}))),
        missing(Case::get("get an unknown template", format!("{TEMPLATES}/gpu")), "gpu"),
        Case::get("NUL in the name of a template to get", format!("{TEMPLATES}/a%00")).expect(
            404,
            Code::NotFound,
            "not found",
        ),
        missing(Case::get("versions of an unknown template", format!("{TEMPLATES}/gpu/versions")), "gpu"),
        missing(Case::get("version that is not there", format!("{LOCAL}/versions/99")), "99"),
        missing(Case::get("version of another template", format!("{LOCAL}/versions/{NOBODY}")), NOBODY),
        Case::get("version that is no number", format!("{LOCAL}/versions/latest"))
            .violates("version", "must be the number of a version"),
        Case::get("bad page of versions", format!("{LOCAL}/versions?page_token=x")).violates("page_token", ""),
    ]
}

fn choices(world: &World) -> Vec<Case> {
    let create = |name, mut body: Value| {
        body["template"] = json!("local");
        body["name"] = json!("chosen");
        Case::post(name, "/api/v1/workspaces", &body)
    };
    let many: Value =
        (0..65).map(|number| (format!("p{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    vec![
        create("workspace with an unknown parameter", json!({"parameters": {"size": "1"}}))
            .violates("parameters.size", "is no parameter of this template: it has none"),
        create("workspace with too many parameters", json!({"parameters": many})).violates("parameters", "64 at most"),
        create("workspace with an unknown preset", json!({"preset": "large"}))
            .violates("preset", "is no preset of version 1 of the template: it has none"),
        create("workspace of a version that is no number", json!({"version": "x"}))
            .violates("version", "must be the number of a version"),
        create("workspace of a version that is not there", json!({"version": "99"}))
            .violates("version", "is no version of the template `local`"),
        Case::post(
            "start with a version that is no number",
            format!("/api/v1/workspaces/{}:start", world.workspace),
            &json!({"version": "x"}),
        )
        .violates("version", "must be the number of a version"),
    ]
}
