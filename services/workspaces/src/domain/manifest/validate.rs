//! What a manifest has to fulfil beyond its types. Everything that is wrong is found at once, each with its place.

mod kubernetes;
mod parameter;
mod preset;
mod script;
mod text;

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_core::Violations;
use script::check_scripts;
pub(crate) use text::check_prose;
use text::{check_icon, check_line};

use super::{AgentManifest, Manifest, Parameter, Timeouts};
use crate::domain::is_name;

/// The most agents of a workspace.
pub(crate) const MAX_AGENTS: usize = 8;
/// The most parameters.
pub(crate) const MAX_PARAMETERS: usize = 64;
/// The most presets.
const MAX_PRESETS: usize = 32;
/// How much is told at once: more is read by nobody, and has to fit into a reply.
const MAX_VIOLATIONS: usize = 32;
/// The longest wait for a workspace.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);
/// The longest time that a script may run.
const MAX_RUN: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest time that a workspace runs without being used.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The shortest time after which a workspace may be stopped that is used.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// The highest cost.
const MAX_COST: u32 = 1_000_000;

pub(super) fn validate(manifest: &Manifest) -> Result<(), Violations> {
    let mut violations = Violations::new();
    let found = &mut violations;
    check_line("display_name", &manifest.display_name, found);
    check_prose("description", &manifest.description, found);
    check_icon("icon", &manifest.icon, found);
    check_word("provisioner", &manifest.provisioner, found);
    check_pod(manifest, found);

    found.require(manifest.agents.len() <= MAX_AGENTS, "agents", format!("must be {MAX_AGENTS} at most"));
    let mut names = HashSet::new();
    for (index, agent) in manifest.agents.iter().take(MAX_AGENTS).enumerate() {
        let place = format!("agents[{index}]");
        check_agent(&place, agent, found);
        found.require(names.insert(&agent.name), place + ".name", "is the name of another agent, too");
    }

    found.require(
        manifest.parameters.len() <= MAX_PARAMETERS,
        "parameters",
        format!("must be {MAX_PARAMETERS} at most"),
    );
    let parameters: Vec<&Parameter> = manifest.parameters.iter().take(MAX_PARAMETERS).collect();
    for (index, parameter) in parameters.iter().enumerate() {
        let place = format!("parameters[{index}]");
        parameter::check(&place, parameter, found);
        parameter::check_variable(place + ".name", &parameter.name, &parameters[..index], found);
    }

    found.require(manifest.presets.len() <= MAX_PRESETS, "presets", format!("must be {MAX_PRESETS} at most"));
    let mut names = HashSet::new();
    let mut defaults = 0;
    for (index, preset) in manifest.presets.iter().take(MAX_PRESETS).enumerate() {
        let place = format!("presets[{index}]");
        preset::check(&place, preset, manifest, found);
        found.require(names.insert(&preset.name), format!("{place}.name"), "is the name of another preset, too");
        defaults += usize::from(preset.is_default);
        found.require(!preset.is_default || defaults == 1, place + ".is_default", "is true for another preset, too");
    }
    check_timeouts(&manifest.timeouts, found);
    check_terms(manifest, found);
    bounded(violations).finish(Some(()))
}

fn check_word(place: &str, word: &str, violations: &mut Violations) {
    violations.require(is_name(word), place, "must be 1 to 32 lower-case letters, digits or `-`");
}

fn check_pod(manifest: &Manifest, violations: &mut Violations) {
    let is_wanted = manifest.provisioner == "kubernetes";
    match &manifest.kubernetes {
        Some(pod) => {
            let demands = "must be left out, unless `provisioner` is `kubernetes`";
            violations.require(is_wanted, "kubernetes", demands);
            kubernetes::check(pod, violations);
        }
        None => violations.require(!is_wanted, "kubernetes", "must be there, with an `image`: the workspace is a Pod"),
    }
}

fn check_agent(place: &str, agent: &AgentManifest, violations: &mut Violations) {
    check_word(&format!("{place}.name"), &agent.name, violations);
    check_scripts(&format!("{place}.scripts"), &agent.scripts, violations);
}

fn check_timeouts(timeouts: &Timeouts, violations: &mut Violations) {
    let Timeouts { build, connection, startup } = timeouts;
    for (name, timeout) in [("build", build), ("startup", startup)] {
        let fits = is_time(*timeout, MAX_WAIT);
        violations.require(fits, format!("timeouts.{name}"), "must be whole seconds, more than 0s and 1h at most");
    }
    let fits = connection.is_some_and(|connection| connection.is_zero()) || is_time(*connection, MAX_WAIT);
    let demands = "must be whole seconds, 1h at most, or `0s` for agents that are never late";
    violations.require(fits, "timeouts.connection", demands);
}

fn check_terms(manifest: &Manifest, violations: &mut Violations) {
    violations.require(manifest.daily_cost <= MAX_COST, "daily_cost", format!("must be {MAX_COST} at most"));
    for (name, time) in [("default_ttl", manifest.default_ttl), ("activity_bump", manifest.activity_bump)] {
        let fits = time.is_none_or(|time| time.subsec_nanos() == 0 && time <= MAX_TTL);
        violations.require(fits, name, "must be whole seconds, 30 days at most");
    }
    let Some(most) = manifest.max_lifetime else { return };
    let fits = most.subsec_nanos() == 0 && (MIN_LIFETIME..=MAX_TTL).contains(&most);
    violations.require(fits, "max_lifetime", "must be whole seconds, 1m to 30 days");
    let is_less = manifest.default_ttl.is_none_or(|ttl| ttl <= most);
    violations.require(is_less, "default_ttl", "must not be longer than `max_lifetime`: it would never count");
}

fn is_time(duration: Option<Duration>, most: Duration) -> bool {
    duration.is_none_or(|duration| !duration.is_zero() && duration.subsec_nanos() == 0 && duration <= most)
}

fn bounded(violations: Violations) -> Violations {
    let count = violations.iter().count();
    if count <= MAX_VIOLATIONS {
        return violations;
    }
    let mut first = Violations::new();
    for violation in violations.iter().take(MAX_VIOLATIONS) {
        first.add(&violation.field, &violation.description);
    }
    first.add("manifest", format!("has {} more problems: correct these first", count - MAX_VIOLATIONS));
    first
}
