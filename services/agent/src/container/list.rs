//! The list of containers as the runtime writes it.

use std::collections::{BTreeMap, HashMap};

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as pb;
use prost::Message as _;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::error::Error;

/// The most containers in an answer.
const MAX_CONTAINERS: usize = 1000;
/// The most bytes in an answer: it must fit into one message.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// How many labels may be asked for.
const MAX_LABELS: usize = 64;
/// The longest label in bytes, with its value.
const MAX_LABEL: usize = 4096;

/// A container in the runtime's list. Runtimes leave out, or set to null, what does not apply.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Summary {
    id: String,
    names: Option<Vec<String>>,
    image: String,
    state: String,
    status: String,
    labels: Option<HashMap<String, String>>,
    ports: Option<Vec<Port>>,
    created: i64,
}

/// A port of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Port {
    #[serde(rename = "IP")]
    ip: String,
    private_port: u32,
    public_port: Option<u32>,
    r#type: String,
}

/// The path of the list of containers that have all these labels.
///
/// # Errors
/// A label is none.
pub(super) fn path_of(labels: &[pb::LabelFilter]) -> Result<String, Error> {
    if labels.len() > MAX_LABELS {
        return Err(Error::Invalid(format!("`labels` must have {MAX_LABELS} entries at most")));
    }
    let filters = labels.iter().map(filter).collect::<Result<Vec<_>, _>>()?;
    let mut query = Serializer::new(String::new());
    query.append_pair("all", "true");
    // One more than is shown, to see that there are more.
    query.append_pair("limit", &(MAX_CONTAINERS + 1).to_string());
    if !filters.is_empty() {
        let filters = serde_json::json!({ "label": filters });
        query.append_pair("filters", &filters.to_string());
    }
    Ok(format!("/containers/json?{}", query.finish()))
}

fn filter(label: &pb::LabelFilter) -> Result<String, Error> {
    if label.key.is_empty() || label.key.contains('=') {
        return Err(Error::Invalid(format!(
            "`labels`: {:?} is not a label: it must have a name without `=`",
            label.key
        )));
    }
    let filter = match &label.value {
        Some(value) => format!("{}={value}", label.key),
        None => label.key.clone(),
    };
    if filter.len() > MAX_LABEL {
        return Err(Error::Invalid(format!("`labels`: a label must have {MAX_LABEL} bytes at most")));
    }
    Ok(filter)
}

/// Reads the runtime's list.
pub(super) fn read(answer: &[u8]) -> Result<pb::ListContainersResponse, Error> {
    let summaries: Vec<Summary> = serde_json::from_slice(answer).map_err(Error::Malformed)?;
    let mut sorted: BTreeMap<(String, String), pb::Container> = BTreeMap::new();
    for container in summaries.into_iter().map(pb::Container::from) {
        let name = container.names.first().cloned().unwrap_or_default();
        sorted.insert((name, container.id.clone()), container);
    }
    let mut warnings = Vec::new();
    if sorted.len() > MAX_CONTAINERS {
        warnings.push(format!(
            "there are more than {MAX_CONTAINERS} containers, and only {MAX_CONTAINERS} are listed; name labels to \
             see others"
        ));
    }
    let mut containers = Vec::new();
    let mut bytes = 0;
    for container in sorted.into_values().take(MAX_CONTAINERS) {
        bytes += container.encoded_len();
        if bytes > MAX_BYTES {
            warnings.push(format!(
                "only the first {} containers are listed, because the list has more than {MAX_BYTES} bytes; name \
                 labels to see others",
                containers.len()
            ));
            break;
        }
        containers.push(container);
    }
    Ok(pb::ListContainersResponse { containers, warnings })
}

impl From<Summary> for pb::Container {
    fn from(summary: Summary) -> Self {
        let names = summary.names.unwrap_or_default();
        let mut names: Vec<_> = names.iter().map(|name| name.trim_start_matches('/').to_owned()).collect();
        // Its own name first; names with a slash are those that other containers have for it.
        names.sort_by_cached_key(|name| (name.contains('/'), name.clone()));
        Self {
            id: summary.id,
            names,
            image: summary.image,
            state: state(&summary.state).into(),
            status: summary.status,
            labels: summary.labels.unwrap_or_default(),
            ports: summary.ports.unwrap_or_default().into_iter().map(Into::into).collect(),
            create_time: Timestamp::from_timestamp(summary.created, 0).map(Into::into),
        }
    }
}

impl From<Port> for pb::ContainerPort {
    fn from(port: Port) -> Self {
        Self {
            container_port: port.private_port,
            host_port: port.public_port.filter(|port| *port != 0),
            host_ip: port.ip,
            protocol: port.r#type,
        }
    }
}

fn state(text: &str) -> pb::ContainerState {
    match text {
        "created" => pb::ContainerState::Created,
        "running" => pb::ContainerState::Running,
        "paused" => pb::ContainerState::Paused,
        "restarting" => pb::ContainerState::Restarting,
        "removing" => pb::ContainerState::Removing,
        "exited" => pb::ContainerState::Exited,
        "dead" => pb::ContainerState::Dead,
        _ => pb::ContainerState::Unspecified,
    }
}
