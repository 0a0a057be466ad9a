mod bad;
mod kubernetes;

use serde_json::json;

use super::*;
use crate::domain::Terms;

/// A manifest with everything in it.
const FULL: &str = r##"
display_name = "Rust on Linux"
description = "Rust, git and a database."
icon = "/icons/rust.svg"
provisioner = "local"
daily_cost = 3
default_ttl = "8h"
max_lifetime = "24h"
activity_bump = "30m"

[[agents]]
name = "dev-chat"
display_order = 2
[[agents.scripts]]
id = "clone"
display_name = "Clone"
script = "#!/bin/sh\ngit clone x\n"
run_on_start = true
timeout = "5m"

[[parameters]]
name = "region"
display_name = "Region"
description = "Where it runs."
type = "string"
default = "eu"
options = [{ value = "eu", name = "Europe" }, { value = "us", description = "Far away." }]

[[parameters]]
name = "branch"
required = true
mutable = true
validation = { regex = "^[a-z]+$", error = "lower-case letters only" }

[[parameters]]
name = "cpu"
type = "number"
mutable = true
default = 2
validation = { min = 1, max = 16, monotonic = "increasing" }

[[parameters]]
name = "rebuild"
type = "bool"
mutable = true
ephemeral = true
default = false

[[parameters]]
name = "tools"
type = "list(string)"
default = ["git"]
options = [{ value = "git" }, { value = "node" }]

[[presets]]
name = "Large (16 CPU)"
description = "For builds."
icon = "https://example.com/large.png"
is_default = true
parameters = { branch = "main", cpu = 16, tools = ["git", "node"] }
prebuilds = { instances = 2 }

[timeouts]
build = "10m"
connection = "2m"
startup = "1h"
"##;

/// The same in YAML.
const FULL_YAML: &str = r#"
display_name: Rust on Linux
description: Rust, git and a database.
icon: /icons/rust.svg
provisioner: local
daily_cost: 3
default_ttl: 8h
max_lifetime: 24h
activity_bump: 30m
agents:
  - name: dev-chat
    display_order: 2
    scripts:
      - id: clone
        display_name: Clone
        script: |
          #!/bin/sh
          git clone x
        run_on_start: true
        timeout: 5m
parameters:
  - name: region
    display_name: Region
    description: Where it runs.
    type: string
    default: eu
    options: [{value: eu, name: Europe}, {value: us, description: Far away.}]
  - name: branch
    required: true
    mutable: true
    validation: {regex: "^[a-z]+$", error: lower-case letters only}
  - name: cpu
    type: number
    mutable: true
    default: 2
    validation: {min: 1, max: 16, monotonic: increasing}
  - name: rebuild
    type: bool
    mutable: true
    ephemeral: true
    default: false
  - name: tools
    type: list(string)
    default: [git]
    options: [{value: git}, {value: node}]
presets:
  - name: Large (16 CPU)
    description: For builds.
    icon: https://example.com/large.png
    is_default: true
    parameters: {branch: main, cpu: 16, tools: [git, node]}
    prebuilds: {instances: 2}
timeouts: {build: 10m, connection: 2m, startup: 1h}
"#;

#[test]
fn toml_and_yaml_say_the_same() {
    let toml = Manifest::read(ManifestFormat::Toml, FULL).expect("TOML");
    let yaml = Manifest::read(ManifestFormat::Yaml, FULL_YAML).expect("YAML");
    assert_eq!(toml, yaml);
    let agents = toml.agents();
    let [(name, order, scripts)] = agents.as_slice() else { panic!("{agents:?}") };
    assert_eq!((*name, *order, scripts.len(), scripts[0].timeout_seconds), ("dev-chat", 2, 1, 300));
    assert_eq!(toml.preset("Large (16 CPU)").and_then(|preset| preset.prebuilds), Some(Prebuilds { instances: 2 }));
    assert_eq!(toml.preset("small"), None);
    let terms = Terms::from(&toml);
    assert_eq!((terms.daily_cost, terms.ttl_seconds, terms.bump_seconds), (3, 28_800, 1800));
}

#[test]
fn what_is_not_for_one_kind_of_provisioner_is_told_to_none() {
    let manifest = Manifest::read(ManifestFormat::Toml, FULL).expect("TOML");
    for kind in ["local", "agents", "timeouts", "kubernetes"] {
        let other = Manifest { provisioner: kind.to_owned(), ..manifest.clone() };
        assert_eq!(other.settings().expect("JSON"), "", "{kind}");
    }
    let pod = "provisioner = 'kubernetes'\n[kubernetes]\nimage = 'debian:13'\n";
    let pod = Manifest::read(ManifestFormat::Toml, pod).expect("TOML");
    let told: serde_json::Value = serde_json::from_str(&pod.settings().expect("JSON")).expect("JSON");
    assert_eq!(told["image"], "debian:13");
    let local = Manifest { provisioner: "local".to_owned(), ..pod };
    assert_eq!(local.settings().expect("JSON"), "");
}

#[test]
fn what_is_left_out_has_its_default() {
    for format in [ManifestFormat::Toml, ManifestFormat::Yaml] {
        let empty = Manifest::read(format, "").expect("empty");
        assert_eq!(empty, Manifest::default());
        assert_eq!((empty.provisioner.as_str(), empty.agents()), ("local", vec![("main", 0, Vec::new())]));
    }
    assert_eq!(serde_json::to_value(Manifest::default()).expect("JSON"), json!({"provisioner": "local"}));
}

#[test]
fn a_preset_without_workspaces_in_advance_is_for_every_provisioner() {
    let preset = "provisioner = 'external'\n[[presets]]\nname = 'a'\nprebuilds = { instances = 0 }\n";
    Manifest::read(ManifestFormat::Toml, preset).expect("valid");
}

#[test]
fn a_manifest_is_read_back_from_json_as_it_was() {
    let manifest = Manifest::read(ManifestFormat::Toml, FULL).expect("TOML");
    let json = serde_json::to_string(&manifest).expect("JSON");
    assert_eq!(serde_json::from_str::<Manifest>(&json).expect("read"), manifest);
}

#[test]
fn the_schema_names_everything_that_a_manifest_may_have() {
    let schema = manifest_schema();
    let manifest = Manifest::read(ManifestFormat::Toml, FULL).expect("TOML");
    let written = serde_json::to_value(manifest).expect("JSON");
    for key in written.as_object().expect("an object").keys() {
        assert!(schema["properties"][key]["description"].is_string(), "{key} has no description");
    }
    assert_eq!(schema["additionalProperties"], json!(false));
    let parameter = &schema["definitions"]["Parameter"];
    assert_eq!(parameter["additionalProperties"], json!(false));
    assert_eq!(parameter["required"], json!(["name"]));
    let timeout = &schema["definitions"]["ScriptManifest"]["properties"]["timeout"];
    assert_eq!(timeout["type"], json!(["string", "null"]));
    let types = schema["definitions"]["ParameterType"].to_string();
    for word in ["string", "number", "bool", "list(string)"] {
        assert!(types.contains(&format!("\"{word}\"")), "{word} in {types}");
    }
}
