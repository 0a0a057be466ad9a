//! Pods.

use crate::domain::{Manifest, ManifestFormat};

/// A Pod with everything in it.
const FULL: &str = r#"
provisioner = "kubernetes"

[kubernetes]
image = "registry.example.com/team/rust:1.95"
command = ["/usr/bin/entrypoint", "--"]
env = { CARGO_HOME = "/home/dev/.cargo", EMPTY = "" }
service_account = "workspaces"
run_as_user = 1001
node_selector = { "kubernetes.io/arch" = "amd64" }
image_pull_secrets = ["team-registry"]
labels = { "example.com/cost-center" = "42", tier = "dev" }
annotations = { "example.com/note" = "made for Rust, with care" }
namespace = "team-a"

[kubernetes.resources]
requests = { cpu = "500m", memory = "1Gi" }
limits = { cpu = "4", memory = "8Gi", ephemeral-storage = "20Gi", "nvidia.com/gpu" = "1" }

[kubernetes.storage]
size = "20Gi"
class = "fast.ssd"
mount_path = "/home/dev"

[[kubernetes.tolerations]]
key = "dedicated"
value = "workspaces"
effect = "NoSchedule"

[[kubernetes.tolerations]]
key = "node.kubernetes.io/not-ready"
operator = "Exists"
effect = "NoExecute"
seconds = 300

[[kubernetes.network_policy.egress]]
cidr = "0.0.0.0/0"
except = ["10.0.0.0/8", "169.254.169.254/32"]
ports = [{ port = 443 }, { port = 8000, end_port = 8100, protocol = "UDP" }]

[[kubernetes.network_policy.egress]]
namespace_labels = { "kubernetes.io/metadata.name" = "git" }
pod_labels = { app = "server" }
"#;

fn pod(rest: &str) -> String {
    format!("provisioner = 'kubernetes'\n[kubernetes]\nimage = 'debian:13'\n{rest}\n")
}

/// E3: this is what the provisioner is told; its own tests read the same file. `CHATMESH_BLESS=1` writes it anew.
#[test]
fn e3_the_settings_of_a_pod_are_what_its_provisioner_understands() {
    let manifest = Manifest::read(ManifestFormat::Toml, FULL).expect("a manifest");
    let settings = serde_json::to_value(&manifest.kubernetes).expect("JSON");
    let text = serde_json::to_string_pretty(&settings).expect("text") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/domain/manifest/tests/kubernetes_settings.json");
    if std::env::var_os("CHATMESH_BLESS").is_some() {
        std::fs::write(path, &text).expect("written");
    }
    let kept = std::fs::read_to_string(path).expect("the file");
    assert_eq!(kept, text, "{path} differs: CHATMESH_BLESS=1 writes it anew");
}

#[test]
fn a_pod_survives_being_kept_and_says_nothing_that_nobody_wrote() {
    let manifest = Manifest::read(ManifestFormat::Toml, FULL).expect("a manifest");
    let kept = serde_json::to_string(&manifest).expect("JSON");
    assert_eq!(serde_json::from_str::<Manifest>(&kept).expect("read"), manifest);
    let little = Manifest::read(ManifestFormat::Toml, &pod("")).expect("read").kubernetes;
    assert_eq!(serde_json::to_string(&little).expect("JSON"), r#"{"image":"debian:13"}"#);
}

/// E6: what is wrong with a Pod, and where.
#[test]
fn e6_a_pod_that_no_cluster_would_take_is_refused_with_its_place() {
    for (text, expected) in [
        ("provisioner = 'kubernetes'".to_owned(), "`kubernetes` must be there, with an `image`"),
        ("[kubernetes]\nimage = 'x'".to_owned(), "`kubernetes` must be left out, unless `provisioner` is `kubernetes`"),
        ("provisioner = 'kubernetes'\n[kubernetes]".to_owned(), "`kubernetes` missing field `image`"),
        ("provisioner = 'kubernetes'\n[kubernetes]\nimage = 'a b'".to_owned(), "`kubernetes.image` must name an image"),
        ("provisioner = 'kubernetes'\n[kubernetes]\nimage = ''".to_owned(), "`kubernetes.image` must name an image"),
        (pod("privileged = true"), "`kubernetes.privileged` unknown field `privileged`"),
        (pod("host_network = true"), "`kubernetes.host_network` unknown field"),
        (pod("command = ['']"), "`kubernetes.command` must be 64 words at most"),
        (pod("env = { '1A' = 'x' }"), "`kubernetes.env.1A` must have a name of letters"),
        (pod("env = { CHATMESH_AGENT_TOKEN = 'x' }"), "`kubernetes.env.CHATMESH_AGENT_TOKEN` is the mesh's own"),
        (pod("env = { HOME = '/x' }"), "`kubernetes.env.HOME` is the mesh's own"),
        (
            pod("resources = { requests = { cpu = 2 } }"),
            "`kubernetes.resources.requests.cpu` invalid type: integer `2`",
        ),
        (pod("resources = { requests = { cpu = 'two' } }"), "`kubernetes.resources.requests.cpu` must be an amount"),
        (pod("resources = { limits = { ram = '1Gi' } }"), "`kubernetes.resources.limits.ram` must be `cpu`, `memory`"),
        (
            pod("resources = { requests = { memory = '2Gi' }, limits = { memory = '1Gi' } }"),
            "`kubernetes.resources.requests.memory` must not be more than its limit",
        ),
        (pod("storage = { class = 'fast' }"), "`kubernetes.storage` missing field `size`"),
        (pod("storage = { size = '0' }"), "`kubernetes.storage.size` must be more than 0"),
        (pod("storage = { size = '10GB' }"), "`kubernetes.storage.size` must be an amount"),
        (pod("storage = { size = '1Gi', class = 'Fast' }"), "`kubernetes.storage.class` must be lower-case letters"),
        (pod("storage = { size = '1Gi', mount_path = 'home' }"), "`kubernetes.storage.mount_path` must be an absolute"),
        (pod("storage = { size = '1Gi', mount_path = '/' }"), "`kubernetes.storage.mount_path` must be an absolute"),
        (
            pod("storage = { size = '1Gi', mount_path = '/a/../b' }"),
            "`kubernetes.storage.mount_path` must be an absolute",
        ),
        (pod("storage = { size = '1Gi', mount_path = '/usr/x' }"), "must not be in `/usr`"),
        (pod("storage = { size = '1Gi', mount_path = '/chatmesh' }"), "must not be in `/chatmesh`"),
        (pod("service_account = 'A'"), "`kubernetes.service_account` must be lower-case letters"),
        (pod("namespace = 'a.b'"), "`kubernetes.namespace` must have 63 characters at most, and no `.`"),
        (pod("namespace = '../x'"), "`kubernetes.namespace` must be lower-case letters"),
        (pod("run_as_user = 0"), "`kubernetes.run_as_user` must not be 0: no workspace runs as root"),
        (pod("run_as_user = -1"), "`kubernetes.run_as_user` invalid value: integer `-1`"),
        (pod("image_pull_secrets = ['x', 'Y']"), "`kubernetes.image_pull_secrets[1]` must be lower-case letters"),
        (pod("node_selector = { 'a b' = 'x' }"), "`kubernetes.node_selector.a b` must have a key"),
        (pod("node_selector = { a = 'x y' }"), "`kubernetes.node_selector.a` must be 63 letters"),
        (
            pod("labels = { 'chatmesh.dev/owner-id' = 'x' }"),
            "`kubernetes.labels.chatmesh.dev/owner-id` is the mesh's own",
        ),
        (pod("labels = { 'app.kubernetes.io/name' = 'x' }"), "is the mesh's own: choose another key"),
        (pod("annotations = { 'a/b/c' = 'x' }"), "`kubernetes.annotations.a/b/c` must have a key"),
        (pod("tolerations = [{ value = 'x' }]"), "`kubernetes.tolerations[0].key` must be there, unless"),
        (
            pod("tolerations = [{ key = 'a', operator = 'Exists', value = 'x' }]"),
            "`kubernetes.tolerations[0].value` must be left out with the operator `Exists`",
        ),
        (
            pod("tolerations = [{ key = 'a', seconds = 1 }]"),
            "`kubernetes.tolerations[0].seconds` must be left out, unless",
        ),
        (
            pod("tolerations = [{ key = 'a', effect = 'no' }]"),
            "`kubernetes.tolerations[0].effect` unknown variant `no`",
        ),
        (
            pod("network_policy = { deny_all_but_relay = true, egress = [{}] }"),
            "`kubernetes.network_policy.egress` must be left out where `deny_all_but_relay` is true",
        ),
        (pod("network_policy = { egress = [{ cidr = '10.0.0.0' }] }"), "egress[0].cidr` must be a range of addresses"),
        (
            pod("network_policy = { egress = [{ cidr = '10.0.0.0/33' }] }"),
            "egress[0].cidr` must be a range of addresses",
        ),
        (
            pod("network_policy = { egress = [{ cidr = '10.0.0.0/+8' }] }"),
            "egress[0].cidr` must be a range of addresses",
        ),
        (
            pod("network_policy = { egress = [{ cidr = '10.0.0.0/8', except = ['11.0.0.0/16'] }] }"),
            "egress[0].except[0]` must be a part of `cidr`, and smaller",
        ),
        (
            pod("network_policy = { egress = [{ except = ['10.0.0.0/16'] }] }"),
            "egress[0].except[0]` must be a part of `cidr`, and smaller",
        ),
        (
            pod("network_policy = { egress = [{ cidr = '::/0', pod_labels = { a = 'b' } }] }"),
            "egress[0].cidr` must be left out where there are labels",
        ),
        (
            pod("network_policy = { egress = [{ ports = [{ port = 0 }] }] }"),
            "egress[0].ports[0].port` must be 1 to 65535",
        ),
        (
            pod("network_policy = { egress = [{ ports = [{ port = 9, end_port = 8 }] }] }"),
            "egress[0].ports[0].end_port` must not be less than `port`",
        ),
        (pod("network_policy = { egress = [{ ports = [{ port = 70000 }] }] }"), "ports[0].port` invalid value"),
    ] {
        let refused = Manifest::read(ManifestFormat::Toml, &text).expect_err(&text).to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}
