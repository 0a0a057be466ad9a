//! What the cluster is told, kept in files. Other tests check these against the schemas of the versions of Kubernetes
//! that are supported; `CHATMESH_BLESS=1` writes them anew.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::config::{EgressPort, EgressRule, Protocol};

/// What `workspaces` makes of a manifest that says everything.
const FULL: &str = include_str!("../../../../workspaces/src/domain/manifest/tests/kubernetes_settings.json");

fn parts(settings: &str, config: &Config, variables: &[(&str, &str)]) -> Value {
    parts_of(settings, config, variables, vec![JobAgent::for_test("main", "token")])
}

fn parts_of(settings: &str, config: &Config, variables: &[(&str, &str)], agents: Vec<JobAgent>) -> Value {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an identifier");
    let mut job = Job { settings: settings.to_owned(), ..Job::for_test(id, Work::Start(agents)) };
    job.variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings::read(settings).expect("settings");
    let Work::Start(agents) = &job.work else { panic!("it starts") };
    let plan = Plan {
        name: name_of(id),
        namespace: settings.namespace.clone().unwrap_or_else(|| "workspaces".to_owned()),
        job: &job,
        agents,
        lease: lease_of(agents),
        settings: &settings,
        config,
        authorities: config.agent_ca_file.as_ref().map(|_| "-----BEGIN CERTIFICATE-----".to_owned()),
    };
    let mut secret = objects::secret(&plan);
    secret.metadata.uid = Some("11111111-2222-3333-4444-555555555555".to_owned());
    let owner = owner(&secret);
    secret.metadata.uid = None;
    let claim = settings.storage.as_ref().map(|storage| json!(objects::claim(&plan, storage)));
    let mut parts = vec![json!(secret), json!(objects::network_policy(&plan, &owner))];
    parts.extend(claim);
    parts.push(json!(objects::pod(&plan, Some(&owner))));
    Value::Array(parts)
}

fn little() -> Config {
    let kubernetes = KubernetesConfig { agent_image: "chatmesh-agent:1".to_owned(), ..KubernetesConfig::default() };
    Config { agent_url: "https://mesh.example.com".to_owned(), kubernetes, ..Config::default() }
}

fn full() -> Config {
    let mut config = little();
    config.agent_ca_file = Some("/etc/ca.pem".into());
    config.agent_proxy = Some("http://proxy:3128".to_owned());
    config.otlp_endpoint = Some("http://traces:4317".to_owned());
    config.kubernetes.image_pull_secrets = vec!["registry".to_owned()];
    config.kubernetes.relay_egress = vec![EgressRule {
        namespace_labels: [("kubernetes.io/metadata.name".to_owned(), "chatmesh".to_owned())].into(),
        pod_labels: [("app.kubernetes.io/component".to_owned(), "relay".to_owned())].into(),
        ports: vec![EgressPort { port: 7083, end_port: None, protocol: Protocol::Tcp }],
        ..EgressRule::default()
    }];
    config
}

/// E3: what the provisioner makes is what stands in these files.
#[test]
fn e3_manifests_are_as_they_were_checked() {
    let parameters = [("CHATMESH_PARAMETER_SIZE", "large"), ("CHATMESH_PARAMETER_TEXT", "$(HOME) costs $5")];
    for (file, made) in
        [("little.json", parts(LITTLE, &little(), &[])), ("full.json", parts(FULL, &full(), &parameters))]
    {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/kubernetes/tests/manifests").join(file);
        let text = serde_json::to_string_pretty(&made).expect("text") + "\n";
        if std::env::var_os("CHATMESH_BLESS").is_some() {
            fs::write(&path, &text).expect("written");
        }
        assert_eq!(
            fs::read_to_string(&path).expect("the file"),
            text,
            "{file} differs: CHATMESH_BLESS=1 writes it anew"
        );
    }
}

/// E3, F: nothing in a workspace is allowed more than it needs.
#[test]
fn e3_a_pod_is_hardened_whatever_the_template_says() {
    for made in [parts(LITTLE, &little(), &[]), parts(FULL, &full(), &[])] {
        let made = made.as_array().expect("parts").clone();
        let spec = &made.last().expect("a Pod")["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        for field in ["hostNetwork", "hostPID", "hostIPC", "hostUsers"] {
            assert!(spec[field].is_null(), "{field}");
        }
        for container in ["initContainers", "containers"].iter().flat_map(|kind| spec[kind].as_array().expect("some")) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false);
            assert_eq!(security["privileged"], false);
            assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
        }
        assert!(!made.iter().any(|part| part["kind"] != "Secret" && part.to_string().contains("\"token\":\"")));
    }
}

/// E3: agents share the workspace's files and nothing that belongs to one alone.
#[test]
fn e3_each_agent_has_a_container_a_token_and_a_place_of_its_own() {
    let agents = vec![JobAgent::for_test("main", "one"), JobAgent::for_test("dev-chat-", "two")];
    let made = parts_of(LITTLE, &little(), &[], agents);
    let (secret, pod) = (&made[0], made.as_array().expect("parts").last().expect("a Pod"));
    assert_eq!(secret["data"], json!({"token": "b25l", "token-2": "dHdv"}));
    let containers = pod["spec"]["containers"].as_array().expect("containers");
    let names: Vec<_> = containers.iter().map(|container| container["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["workspace", "workspace-2"]);
    let file = |container: &Value| {
        let variables = container["env"].as_array().expect("variables").clone();
        variables.iter().find(|variable| variable["name"] == "CHATMESH_AGENT_TOKEN_FILE").expect("a file")["value"]
            .clone()
    };
    assert_eq!([file(&containers[0]), file(&containers[1])], ["/chatmesh/secret/token", "/chatmesh/secret/token-2"]);
    assert!(!containers[0]["command"].to_string().contains("--state-dir"));
    assert!(containers[1]["command"].to_string().contains("-dev-chat-\"]"), "{}", containers[1]["command"]);
    assert_eq!(containers[0]["volumeMounts"], containers[1]["volumeMounts"]);
    assert_eq!(pod["metadata"]["annotations"]["chatmesh.dev/agents"], "workspace=main,workspace-2=dev-chat-");
}

/// E3: a Pod does not use up its node, unless somebody has said that it may.
#[test]
fn e3_what_a_template_does_not_limit_is_limited_by_the_configuration() {
    let settings = r#"{"image": "x", "resources": {"requests": {"cpu": "6"}, "limits": {"memory": "64Mi"}}}"#;
    let made = |settings: &str, config: &Config| {
        let made = parts(settings, config, &[]);
        let spec = made.as_array().expect("parts").last().expect("a Pod")["spec"].clone();
        let home = spec["volumes"].as_array().expect("volumes")[0]["emptyDir"]["sizeLimit"].clone();
        (spec["containers"][0]["resources"].clone(), home)
    };
    let (resources, home) = made(LITTLE, &little());
    assert_eq!(resources["limits"], json!({"cpu": "4", "memory": "8Gi", "ephemeral-storage": "20Gi"}));
    assert_eq!(resources["requests"], json!({"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "1Gi"}));
    assert_eq!(home, "10Gi");
    // A default limit below what is asked for, or a request above a limit, would be refused.
    let (resources, _) = made(settings, &little());
    assert_eq!(resources["limits"], json!({"memory": "64Mi", "ephemeral-storage": "20Gi"}));
    assert_eq!(resources["requests"], json!({"cpu": "6", "ephemeral-storage": "1Gi"}));

    let mut none = little();
    none.kubernetes.default_limits.clear();
    none.kubernetes.default_requests.clear();
    none.kubernetes.home_size_limit.clear();
    assert_eq!(made(LITTLE, &none), (json!({}), Value::Null));
}

/// E3: a template can take the place of nothing that the mesh says.
#[test]
fn e3_variables_and_labels_of_the_mesh_win() {
    let settings = r#"{"image": "x", "env": {"CHATMESH_AGENT_URL": "http://evil", "HOME": "/x", "PRICE": "$(HOME)"},
        "labels": {"chatmesh.dev/workspace-id": "other", "app.kubernetes.io/managed-by": "me"}}"#;
    let made = parts(settings, &little(), &[]);
    let pod = made.as_array().expect("parts").last().expect("a Pod").clone();
    let variables = pod["spec"]["containers"][0]["env"].as_array().expect("variables").clone();
    let value = |name: &str| variables.iter().find(|found| found["name"] == name).expect(name)["value"].clone();
    assert_eq!(value("CHATMESH_AGENT_URL"), "https://mesh.example.com");
    assert_eq!((value("HOME"), value("PRICE")), (json!("/home/workspace"), json!("$$(HOME)")));
    assert_eq!(pod["metadata"]["labels"]["chatmesh.dev/workspace-id"], "01890a5d-ac96-774b-bcce-b302099a8057");
    assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/managed-by"], "chatmesh");
}
