//! How the agent comes into the Pod, and how it is run there.
//!
//! The image of a template knows nothing of agents. So a first container, whose image has the agent, copies it into an
//! empty volume that the workspace's containers see read-only, and each of them runs one agent from there. They share the
//! workspace's files, and the resources that the template names are those of each.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, ResourceRequirements, SeccompProfile, SecurityContext, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::plan::Plan;
use super::{AUTHORITIES_KEY, quantities, some};
use crate::job::JobAgent;

/// The container in which the first agent runs, and with it everything that is done through it.
const AGENT_CONTAINER: &str = "workspace";
/// The container that brings the agent.
pub(crate) const INSTALL_CONTAINER: &str = "install-agent";
/// The volume with the agent's program.
pub(super) const PROGRAM_VOLUME: &str = "agent";
/// The volume with the tokens.
pub(super) const SECRET_VOLUME: &str = "token";
/// The volume with the workspace's files.
pub(super) const HOME_VOLUME: &str = "home";
/// Where the agent's program is.
const PROGRAM_DIRECTORY: &str = "/chatmesh/bin";
/// Where the tokens are.
const SECRET_DIRECTORY: &str = "/chatmesh/secret";

/// The container of an agent, by its place among the agents: not all of their names may be those of containers.
pub(crate) fn agent_container(place: usize) -> String {
    numbered(AGENT_CONTAINER, place)
}

/// True for the container of an agent.
pub(crate) fn is_agent_container(name: &str) -> bool {
    name.strip_prefix(AGENT_CONTAINER).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The key of an agent's token in the Secret, and the name of its file.
pub(super) fn token_key(place: usize) -> String {
    numbered("token", place)
}

fn numbered(name: &str, place: usize) -> String {
    if place == 0 { name.to_owned() } else { format!("{name}-{}", place + 1) }
}

/// Brings the agent.
pub(super) fn install(plan: &Plan<'_>) -> Container {
    let amounts = |cpu: &str, memory: &str| {
        let amounts = [("cpu", cpu), ("memory", memory)];
        Some(amounts.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into())
    };
    Container {
        name: INSTALL_CONTAINER.to_owned(),
        image: Some(plan.config.kubernetes.agent_image.clone()),
        command: Some(plan.config.kubernetes.agent_install.clone()),
        resources: Some(ResourceRequirements {
            requests: amounts("10m", "32Mi"),
            limits: amounts("500m", "256Mi"),
            ..ResourceRequirements::default()
        }),
        volume_mounts: Some(vec![mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY, false)]),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        security_context: Some(SecurityContext { read_only_root_filesystem: Some(true), ..hardened() }),
        ..Container::default()
    }
}

/// Run the agents.
pub(super) fn containers(plan: &Plan<'_>) -> Vec<Container> {
    plan.agents.iter().enumerate().map(|(place, agent)| container(plan, place, agent)).collect()
}

fn container(plan: &Plan<'_>, place: usize, agent: &JobAgent) -> Container {
    let settings = plan.settings;
    let program = format!("{PROGRAM_DIRECTORY}/chatmesh-agent");
    let mut command = settings.command.clone();
    command.extend([&program, "--directory", settings.home()].map(str::to_owned));
    if place > 0 {
        // The first has the place that agents have where nobody names one, and it belongs to one agent alone.
        let state = format!("{}/.local/state/chatmesh-agent/{}-{}", settings.home(), plan.job.workspace_id, agent.name);
        command.extend(["--state-dir".to_owned(), state]);
    }
    Container {
        name: agent_container(place),
        image: Some(settings.image.clone()),
        command: Some(command),
        working_dir: Some(settings.home().to_owned()),
        env: some(environment(plan, place)),
        resources: Some(resources(plan)),
        volume_mounts: Some(vec![
            mount(HOME_VOLUME, settings.home(), false),
            mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY, true),
            mount(SECRET_VOLUME, SECRET_DIRECTORY, true),
        ]),
        // What the agent said last tells why it ended.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        security_context: Some(hardened()),
        ..Container::default()
    }
}

/// What the template says, and for resources of which it says nothing, what the configuration does: a default beside a
/// word of the template might contradict it.
fn resources(plan: &Plan<'_>) -> ResourceRequirements {
    let (said, config) = (&plan.settings.resources, &plan.config.kubernetes);
    let is_open = |name: &String| !said.requests.contains_key(name) && !said.limits.contains_key(name);
    let with = |said: &BTreeMap<String, String>, defaults: &BTreeMap<String, String>| {
        let open = defaults.iter().filter(|(name, _)| is_open(name));
        quantities(&said.iter().chain(open).map(|(name, amount)| (name.clone(), amount.clone())).collect())
    };
    ResourceRequirements {
        requests: with(&said.requests, &config.default_requests),
        limits: with(&said.limits, &config.default_limits),
        ..ResourceRequirements::default()
    }
}

/// The variables of the agent. Later ones win, and nothing in a template can take the place of the mesh's.
fn environment(plan: &Plan<'_>, place: usize) -> Vec<EnvVar> {
    let config = plan.config;
    let mut variables: BTreeMap<String, String> = plan.settings.env.clone();
    variables.extend(plan.job.variables.clone());
    let mut set = |name: &str, value: &str| drop(variables.insert(name.to_owned(), value.to_owned()));
    set("HOME", plan.settings.home());
    set("CHATMESH_AGENT_URL", &config.agent_url);
    set("CHATMESH_AGENT_TOKEN_FILE", &format!("{SECRET_DIRECTORY}/{}", token_key(place)));
    set("CHATMESH_WORKSPACE_ID", &plan.job.workspace_id.to_string());
    if plan.authorities.is_some() {
        set("CHATMESH_AGENT_CA_FILE", &format!("{SECRET_DIRECTORY}/{AUTHORITIES_KEY}"));
    }
    if let Some(proxy) = &config.agent_proxy {
        set("HTTPS_PROXY", proxy);
        set("HTTP_PROXY", proxy);
    }
    if let Some(endpoint) = &config.otlp_endpoint {
        set("CHATMESH_AGENT_OTLP_ENDPOINT", endpoint);
    }
    variables.into_iter().map(|(name, value)| variable(name, &value)).collect()
}

/// The cluster would put other variables in the place of `$(NAME)`.
fn variable(name: String, value: &str) -> EnvVar {
    EnvVar { name, value: Some(value.replace("$(", "$$(")), ..EnvVar::default() }
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// As little as a process can do with.
fn hardened() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        privileged: Some(false),
        run_as_non_root: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
        ..SecurityContext::default()
    }
}
