//! What a workspace may connect to. Nobody connects to a workspace: its agent dials out.

use std::net::IpAddr;

use http::Uri;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::plan::Plan;
use super::some;
use crate::config::{EgressPort, EgressRule, Protocol};

/// The policy of a workspace: nothing comes in, and what goes out is what the template allows, the relay always.
pub(crate) fn network_policy(plan: &Plan<'_>, owner: &OwnerReference) -> NetworkPolicy {
    let is_restricted = plan.settings.is_restricted();
    let directions = if is_restricted { vec!["Ingress", "Egress"] } else { vec!["Ingress"] };
    NetworkPolicy {
        metadata: plan.metadata_of_build(Some(owner)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector { match_labels: Some(plan.selector()), ..LabelSelector::default() }),
            policy_types: Some(directions.into_iter().map(str::to_owned).collect()),
            ingress: None,
            egress: is_restricted.then(|| egress(plan)),
        }),
    }
}

fn egress(plan: &Plan<'_>) -> Vec<NetworkPolicyEgressRule> {
    let allowed = plan.settings.network_policy.as_ref().map(|policy| policy.egress.as_slice()).unwrap_or_default();
    let names = (!is_address(&plan.config.agent_url)).then(name_service);
    let rules = plan.config.kubernetes.relay_egress.iter().chain(&names).chain(allowed);
    rules.map(rule).collect()
}

/// The cluster's DNS, which the agent asks for the relay.
fn name_service() -> EgressRule {
    let port = |protocol| EgressPort { port: 53, end_port: None, protocol };
    let labels = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    EgressRule {
        namespace_labels: labels("kubernetes.io/metadata.name", "kube-system"),
        pod_labels: labels("k8s-app", "kube-dns"),
        ports: vec![port(Protocol::Udp), port(Protocol::Tcp)],
        ..EgressRule::default()
    }
}

/// True where the relay is found without asking for its name.
fn is_address(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host);
    host.is_some_and(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok())
}

fn rule(rule: &EgressRule) -> NetworkPolicyEgressRule {
    let selector = |labels: &std::collections::BTreeMap<String, String>| {
        let match_labels = Some(labels.clone()).filter(|labels| !labels.is_empty());
        match_labels.map(|labels| LabelSelector { match_labels: Some(labels), ..LabelSelector::default() })
    };
    let ip_block = rule.cidr.as_ref().map(|cidr| IPBlock { cidr: cidr.clone(), except: some(rule.except.clone()) });
    let peer = NetworkPolicyPeer {
        ip_block,
        namespace_selector: selector(&rule.namespace_labels),
        pod_selector: selector(&rule.pod_labels),
    };
    let is_everywhere = peer == NetworkPolicyPeer::default();
    NetworkPolicyEgressRule {
        to: (!is_everywhere).then(|| vec![peer]),
        ports: some(rule.ports.iter().map(port).collect()),
    }
}

fn port(port: &EgressPort) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port.port.into())),
        end_port: port.end_port.map(Into::into),
        protocol: Some(port.protocol.as_str().to_owned()),
    }
}
