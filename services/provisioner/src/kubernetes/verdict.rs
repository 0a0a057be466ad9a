//! What the state of a Pod means for the build that started it.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod, PodCondition,
};

use super::objects::{INSTALL_CONTAINER, is_agent_container};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All agents run.
    Running,
    /// Nothing but wait.
    Waiting(Patience, String),
    /// It will not run any more.
    Failed(String),
    /// Somebody else has ended it.
    Deleted,
}

/// How long a state is put up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It is on its way.
    Start,
    /// It needs a node, and a cluster may have to add one.
    Schedule,
    /// The cluster tries again what did not work.
    Retry,
}

/// Judges a Pod.
pub(super) fn judge(pod: &Pod) -> Verdict {
    if pod.metadata.deletion_timestamp.is_some() {
        return Verdict::Deleted;
    }
    let Some(status) = &pod.status else { return waiting("the Pod is new") };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    if status.phase.as_deref() == Some("Failed") {
        return Verdict::Failed(sentence("the Pod failed", &text(&status.reason), &text(&status.message)));
    }
    let statuses = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let (running, mut others): (Vec<Verdict>, Vec<Verdict>) = statuses
        .filter_map(|container| judge_container(pod, container))
        .partition(|verdict| matches!(verdict, Verdict::Running));
    // What one container can not recover from counts more than what another waits for.
    others.sort_by_key(|verdict| !matches!(verdict, Verdict::Failed(_)));
    if let Some(verdict) = others.into_iter().next() {
        return verdict;
    }
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    if running.len() >= containers.filter(|container| is_agent_container(&container.name)).count().max(1) {
        return Verdict::Running;
    }
    match status.conditions.iter().flatten().find(|condition| is_without_node(condition)) {
        Some(condition) => {
            Verdict::Waiting(Patience::Schedule, sentence("no node takes the Pod", "", &text(&condition.message)))
        }
        None => waiting("the Pod's containers are being made"),
    }
}

fn judge_container(pod: &Pod, status: &ContainerStatus) -> Option<Verdict> {
    let state = status.state.as_ref();
    let is_agent = is_agent_container(&status.name);
    let ended = state.and_then(|state| state.terminated.as_ref());
    let ended = ended.or_else(|| status.last_state.as_ref().and_then(|state| state.terminated.as_ref()));
    // The container that brings the agent ends when it has; the agent never should.
    if let Some(ended) = ended.filter(|ended| is_agent || ended.exit_code != 0) {
        return Some(Verdict::Failed(ending(pod, status, ended)));
    }
    match state {
        Some(ContainerState { waiting: Some(waiting), .. }) => judge_waiting(status, waiting),
        Some(ContainerState { running: Some(_), .. }) if is_agent => Some(Verdict::Running),
        _ => None,
    }
}

fn judge_waiting(status: &ContainerStatus, waiting: &ContainerStateWaiting) -> Option<Verdict> {
    let message = waiting.message.as_deref().unwrap_or_default();
    let image = format!("the image `{}` can not be fetched", status.image);
    let reason = waiting.reason.as_deref().unwrap_or_default();
    match reason {
        "InvalidImageName" | "ErrImageNeverPull" => Some(Verdict::Failed(sentence(&image, reason, message))),
        "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" | "RegistryUnavailable" => {
            Some(Verdict::Waiting(Patience::Retry, sentence(&image, reason, message)))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            let what = format!("the container `{}` can not be started", status.name);
            Some(Verdict::Waiting(Patience::Retry, sentence(&what, reason, message)))
        }
        "CrashLoopBackOff" => {
            let what = format!("the container `{}` ends again and again", status.name);
            Some(Verdict::Failed(sentence(&what, "", message)))
        }
        _ => None,
    }
}

/// Says why a container ended and what to do about it.
fn ending(pod: &Pod, status: &ContainerStatus, ended: &ContainerStateTerminated) -> String {
    if ended.reason.as_deref() == Some("OOMKilled") {
        let limit = limit_of(pod, &status.name).map(|limit| format!(" of {limit}")).unwrap_or_default();
        let setting = match status.name.as_str() {
            INSTALL_CONTAINER => "look at the agent's image".to_owned(),
            _ => "raise `kubernetes.resources.limits.memory` of the template".to_owned(),
        };
        return format!("the container `{}` ran out of its memory{limit}: {setting}", status.name);
    }
    let what = match status.name.as_str() {
        INSTALL_CONTAINER => "the agent was not brought into the Pod (check provisioner.kubernetes.agent_install)",
        _ => "the agent ended right after its start",
    };
    let code = format!("exit code {}", ended.exit_code);
    sentence(what, &code, ended.message.as_deref().unwrap_or_default().trim())
}

fn limit_of(pod: &Pod, container: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
    let limits = all.find(|found| found.name == container)?.resources.as_ref()?.limits.as_ref()?;
    limits.get("memory").map(|limit| limit.0.clone())
}

fn is_without_node(condition: &PodCondition) -> bool {
    condition.type_ == "PodScheduled" && condition.status == "False"
}

fn waiting(state: &str) -> Verdict {
    Verdict::Waiting(Patience::Start, state.to_owned())
}

fn sentence(what: &str, reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", "") => what.to_owned(),
        ("", message) => format!("{what}: {message}"),
        (reason, "") => format!("{what}: {reason}"),
        (reason, message) => format!("{what}: {reason}: {message}"),
    }
}

#[cfg(test)]
mod tests;
