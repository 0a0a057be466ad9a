//! Which crate may depend on which, and what every crate has in common.

mod layers;
mod workspace;

use std::collections::BTreeSet;
use std::path::Path;

use layers::{Layer, allowed};
use workspace::{Kind, Workspace};

/// The longest source file, in lines.
const MAX_LINES: usize = 700;

#[test]
fn crates_depend_only_on_the_layers_below_them() {
    let workspace = Workspace::load();
    let mut wrong = Vec::new();
    for krate in workspace.crates() {
        for dependency in krate.dependencies(Kind::Normal).filter(|name| workspace.has(name)) {
            if !allowed(&krate.name, dependency) {
                wrong.push(format!("{} must not depend on {dependency}", krate.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn build_scripts_depend_on_no_crate_of_the_workspace() {
    let workspace = Workspace::load();
    for krate in workspace.crates() {
        let ours: Vec<&str> = krate.dependencies(Kind::Build).filter(|name| workspace.has(name)).collect();
        assert!(ours.is_empty(), "the build script of {} depends on {ours:?}", krate.name);
    }
}

#[test]
fn what_runs_outside_of_the_services_never_reaches_a_database() {
    let workspace = Workspace::load();
    for name in ["chatmesh-gateway", "chatmesh-provisioner", "chatmesh-agent"] {
        let reached = workspace.reached_from(name);
        assert!(!reached.contains("chatmesh-db"), "{name} reaches chatmesh-db through {reached:?}");
        assert!(!reached.contains("chatmesh-host"), "{name} reaches chatmesh-host through {reached:?}");
    }
}

#[test]
fn a_service_never_depends_on_another_service() {
    let workspace = Workspace::load();
    let services: BTreeSet<&str> =
        workspace.crates().map(|krate| krate.name.as_str()).filter(|name| Layer::of(name) == Layer::Service).collect();
    assert_eq!(services.len(), 6, "{services:?}");
    for service in &services {
        let others: Vec<String> =
            workspace.reached_from(service).into_iter().filter(|name| services.contains(name.as_str())).collect();
        assert!(others.is_empty(), "{service} reaches {others:?}");
    }
}

#[test]
fn the_drivers_have_one_owner_each() {
    let workspace = Workspace::load();
    for (driver, owner) in [("sqlx", "chatmesh-db"), ("async-nats", "chatmesh-bus")] {
        let users: Vec<&str> = workspace
            .crates()
            .filter(|krate| Kind::ALL.into_iter().any(|kind| krate.dependencies(kind).any(|name| name == driver)))
            .map(|krate| krate.name.as_str())
            .collect();
        assert_eq!(users, [owner], "only {owner} may use {driver}");
    }
}

#[test]
fn the_testkit_is_for_tests() {
    let workspace = Workspace::load();
    for krate in workspace.crates().filter(|krate| Layer::of(&krate.name) != Layer::Tests) {
        for kind in [Kind::Normal, Kind::Build] {
            let uses = krate.dependencies(kind).any(|name| name == "chatmesh-testkit");
            assert!(!uses, "{} depends on chatmesh-testkit for more than its tests", krate.name);
        }
    }
}

#[test]
fn every_crate_inherits_the_lints() {
    for krate in Workspace::load().crates() {
        let manifest = std::fs::read_to_string(&krate.manifest).expect("a manifest");
        // Almost all of `proto` is generated, and generated code is not ours to lint.
        let wanted = match krate.name.as_str() {
            "chatmesh-proto" => "[lints.rust]\nunsafe_code = \"forbid\"",
            _ => "[lints]\nworkspace = true",
        };
        assert!(manifest.contains(wanted), "{} must say `{wanted}`", krate.manifest.display());
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let root = workspace::root();
    let mut long = Vec::new();
    for directory in ["services", "gateway", "proto/src"] {
        let mut files = Vec::new();
        rust_files(&root.join(directory), &mut files);
        assert!(!files.is_empty(), "no source files below {directory}");
        long.extend(files.into_iter().filter(|(_, lines)| *lines > MAX_LINES));
    }
    assert!(long.is_empty(), "more than {MAX_LINES} lines: {long:#?}");
}

fn rust_files(directory: &Path, found: &mut Vec<(String, usize)>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = std::fs::read_to_string(&path).expect("a text").lines().count();
            found.push((path.display().to_string(), lines));
        }
    }
}
