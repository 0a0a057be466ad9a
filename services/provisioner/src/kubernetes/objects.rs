//! The parts of a workspace as the cluster is told of them.

mod agent;
mod network;
mod pod;
mod volume;

use std::collections::BTreeMap;

use chatmesh_core::ExposeSecret as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::plan::Plan;
use crate::job::JobAgent;
pub(super) use agent::{INSTALL_CONTAINER, agent_container, is_agent_container};
pub(super) use network::network_policy;
pub(super) use pod::pod;
pub(super) use volume::claim;

/// The key of the certificate authorities, and the name of their file.
const AUTHORITIES_KEY: &str = "ca.pem";

/// What the agents alone may read.
pub(super) fn secret(plan: &Plan<'_>) -> Secret {
    let tokens = plan.agents.iter().enumerate();
    let token = |(place, agent): (usize, &JobAgent)| {
        (agent::token_key(place), ByteString(agent.token.expose_secret().as_bytes().to_vec()))
    };
    let mut data: BTreeMap<String, ByteString> = tokens.map(token).collect();
    if let Some(authorities) = &plan.authorities {
        data.insert(AUTHORITIES_KEY.to_owned(), ByteString(authorities.as_bytes().to_vec()));
    }
    Secret {
        metadata: plan.metadata_of_build(None),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

fn quantities(amounts: &BTreeMap<String, String>) -> Option<BTreeMap<String, Quantity>> {
    let quantities = amounts.iter().map(|(name, amount)| (name.clone(), Quantity(amount.clone())));
    Some(quantities.collect()).filter(|all: &BTreeMap<_, _>| !all.is_empty())
}

/// Absent where there is nothing: what is not said is not ours.
fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}
