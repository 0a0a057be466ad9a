//! Pods: that the cluster will know what is meant, as far as that can be told without it.

mod names;
mod network;
mod quantity;

use std::collections::BTreeMap;

use chatmesh_core::Violations;

use crate::domain::manifest::kubernetes::{
    KubernetesManifest, KubernetesResources, StorageManifest, TolerationEffect, TolerationManifest, TolerationOperator,
};
use names::{check_label_value, check_labels, check_name, is_key, is_variable};
use quantity::Quantity;

/// The longest name of an image.
const MAX_IMAGE: usize = 512;
/// The most words of a command, and the longest one.
const MAX_COMMAND: (usize, usize) = (64, 4096);
/// The most variables, and the longest value.
const MAX_ENV: (usize, usize) = (128, 32 * 1024);
/// The most of anything else.
const MAX_ITEMS: usize = 64;
/// The longest value of an annotation.
const MAX_ANNOTATION: usize = 16 * 1024;
/// What belongs to the system or to the mesh, and may not be covered by a volume.
const RESERVED_PATHS: [&str; 11] =
    ["/chatmesh", "/proc", "/sys", "/dev", "/etc", "/bin", "/usr", "/lib", "/lib64", "/sbin", "/run"];

/// Checks the part `kubernetes` of a manifest.
pub(super) fn check(manifest: &KubernetesManifest, found: &mut Violations) {
    let is_image = (1..=MAX_IMAGE).contains(&manifest.image.len())
        && manifest.image.starts_with(|c: char| c.is_ascii_alphanumeric())
        && manifest.image.chars().all(|c| c.is_ascii_graphic());
    found.require(is_image, "kubernetes.image", "must name an image, like `debian:13`, without spaces");
    let (words, length) = MAX_COMMAND;
    let is_command = manifest.command.len() <= words
        && manifest.command.iter().all(|word| !word.is_empty() && word.len() <= length && !word.contains('\0'));
    let demands = format!("must be {words} words at most, each of 1 to {length} bytes and none of them NUL");
    found.require(is_command, "kubernetes.command", demands);
    check_env(&manifest.env, found);
    check_resources(&manifest.resources, found);
    if let Some(storage) = &manifest.storage {
        check_storage(storage, found);
    }
    if let Some(name) = &manifest.service_account {
        check_name("kubernetes.service_account", name, found);
    }
    if let Some(name) = &manifest.namespace {
        let fits = !name.contains('.') && name.len() <= 63;
        found.require(fits, "kubernetes.namespace", "must have 63 characters at most, and no `.`");
        check_name("kubernetes.namespace", name, found);
    }
    let is_root = manifest.run_as_user == Some(0);
    found.require(!is_root, "kubernetes.run_as_user", "must not be 0: no workspace runs as root");
    check_count("kubernetes.image_pull_secrets", manifest.image_pull_secrets.len(), found);
    for (index, name) in manifest.image_pull_secrets.iter().take(MAX_ITEMS).enumerate() {
        check_name(&format!("kubernetes.image_pull_secrets[{index}]"), name, found);
    }
    check_count("kubernetes.tolerations", manifest.tolerations.len(), found);
    for (index, toleration) in manifest.tolerations.iter().take(MAX_ITEMS).enumerate() {
        check_toleration(&format!("kubernetes.tolerations[{index}]"), toleration, found);
    }
    check_labels("kubernetes.node_selector", &manifest.node_selector, found);
    check_labels("kubernetes.labels", &manifest.labels, found);
    check_own("kubernetes.labels", &manifest.labels, found);
    check_annotations(&manifest.annotations, found);
    if let Some(policy) = &manifest.network_policy {
        network::check("kubernetes.network_policy", policy, found);
    }
}

fn check_count(place: &str, count: usize, found: &mut Violations) {
    found.require(count <= MAX_ITEMS, place, format!("must be {MAX_ITEMS} at most"));
}

fn check_env(env: &BTreeMap<String, String>, found: &mut Violations) {
    let (most, length) = MAX_ENV;
    found.require(env.len() <= most, "kubernetes.env", format!("must be {most} variables at most"));
    for (name, value) in env.iter().take(most) {
        let place = format!("kubernetes.env.{name}");
        found.require(is_variable(name), &place, "must have a name of letters, digits and `_`, with no digit first");
        let is_ours = name.starts_with("CHATMESH_") || name == "HOME";
        found.require(!is_ours, &place, "is the mesh's own: choose another name");
        let fits = value.len() <= length && !value.contains('\0');
        found.require(fits, place, format!("must have {length} bytes at most, and none that is NUL"));
    }
}

fn check_resources(resources: &KubernetesResources, found: &mut Violations) {
    let mut read = |kind: &str, amounts: &BTreeMap<String, String>| {
        let place = format!("kubernetes.resources.{kind}");
        check_count(&place, amounts.len(), found);
        let mut quantities = BTreeMap::new();
        for (name, amount) in amounts.iter().take(MAX_ITEMS) {
            let place = format!("{place}.{name}");
            let is_known = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage")
                || name.starts_with("hugepages-")
                || (name.contains('/') && is_key(name));
            found.require(is_known, &place, "must be `cpu`, `memory`, `ephemeral-storage` or a name with a domain");
            if let Some(quantity) = found.check(place, Quantity::read(amount)) {
                quantities.insert(name.clone(), quantity);
            }
        }
        quantities
    };
    let (requests, limits) = (read("requests", &resources.requests), read("limits", &resources.limits));
    for (name, request) in requests {
        let fits = limits.get(&name).is_none_or(|limit| request <= *limit);
        found.require(fits, format!("kubernetes.resources.requests.{name}"), "must not be more than its limit");
    }
}

fn check_storage(storage: &StorageManifest, found: &mut Violations) {
    if let Some(size) = found.check("kubernetes.storage.size", Quantity::read(&storage.size)) {
        found.require(size.is_positive(), "kubernetes.storage.size", "must be more than 0");
    }
    if let Some(class) = &storage.class {
        check_name("kubernetes.storage.class", class, found);
    }
    let path = &storage.mount_path;
    let is_plain = path.starts_with('/')
        && path.len() <= 256
        && !path.contains(|c: char| c == ':' || c.is_control())
        && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    let demands = "must be an absolute path without `.`, `..`, `:` and `/` at its end";
    found.require(is_plain, "kubernetes.storage.mount_path", demands);
    let is_within =
        |reserved: &str| path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(reserved) = RESERVED_PATHS.into_iter().find(|reserved| is_within(reserved)) {
        let demands = format!("must not be in `{reserved}`: that would hide what the workspace is run with");
        found.add("kubernetes.storage.mount_path", demands);
    }
}

fn check_toleration(place: &str, toleration: &TolerationManifest, found: &mut Violations) {
    let TolerationManifest { key, operator, value, effect, seconds } = toleration;
    let exists = *operator == Some(TolerationOperator::Exists);
    match key {
        Some(key) => found.require(is_key(key), format!("{place}.key"), "must be the key of a taint"),
        None => found.require(exists, format!("{place}.key"), "must be there, unless the operator is `Exists`"),
    }
    found.require(!exists || value.is_none(), format!("{place}.value"), "must be left out with the operator `Exists`");
    if let Some(value) = value {
        check_label_value(&format!("{place}.value"), value, found);
    }
    let evicts = *effect == Some(TolerationEffect::NoExecute);
    found.require(
        seconds.is_none() || evicts,
        format!("{place}.seconds"),
        "must be left out, unless the effect is `NoExecute`",
    );
}

/// Labels by which the mesh finds what is its own.
fn check_own(place: &str, labels: &BTreeMap<String, String>, found: &mut Violations) {
    for key in labels.keys().take(MAX_ITEMS) {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let is_ours = domain == "app.kubernetes.io" || domain == "chatmesh.dev" || domain.ends_with(".chatmesh.dev");
        found.require(!is_ours, format!("{place}.{key}"), "is the mesh's own: choose another key");
    }
}

fn check_annotations(annotations: &BTreeMap<String, String>, found: &mut Violations) {
    let place = "kubernetes.annotations";
    check_count(place, annotations.len(), found);
    for (key, value) in annotations.iter().take(MAX_ITEMS) {
        let demands =
            "must have a key of letters, digits, `-`, `_` and `.`, with a domain and `/` before it or without";
        found.require(is_key(key), format!("{place}.{key}"), demands);
        let fits = value.len() <= MAX_ANNOTATION && !value.contains('\0');
        found.require(fits, format!("{place}.{key}"), format!("must have {MAX_ANNOTATION} bytes at most"));
    }
    check_own(place, annotations, found);
}
