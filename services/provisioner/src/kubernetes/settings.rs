//! What a template says of its Pods, as `workspaces` hands it over.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::EgressRule;
use crate::failure::Failure;

/// The home directory where the template names none.
const DEFAULT_HOME: &str = "/home/workspace";
/// The user where the template names none; never root.
const DEFAULT_USER: u32 = 1000;

/// A Pod. What is not known is refused: it may be meant to restrict the workspace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) image: String,
    /// Runs in front of the agent, whose command line it gets as its last arguments.
    pub(super) command: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) resources: Resources,
    pub(super) storage: Option<Storage>,
    pub(super) service_account: Option<String>,
    pub(super) run_as_user: Option<u32>,
    pub(super) node_selector: BTreeMap<String, String>,
    pub(super) tolerations: Vec<TolerationSettings>,
    pub(super) image_pull_secrets: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) namespace: Option<String>,
    pub(super) network_policy: Option<NetworkPolicySettings>,
}

/// Amounts of resources by their names, like `cpu`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Resources {
    pub(super) requests: BTreeMap<String, String>,
    pub(super) limits: BTreeMap<String, String>,
}

/// A volume that outlives the Pod.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Storage {
    pub(super) size: String,
    #[serde(default)]
    pub(super) class: Option<String>,
    #[serde(default = "default_home")]
    pub(super) mount_path: String,
}

fn default_home() -> String {
    DEFAULT_HOME.to_owned()
}

/// What the Pod puts up with of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TolerationSettings {
    pub(super) key: Option<String>,
    pub(super) operator: Option<String>,
    pub(super) value: Option<String>,
    pub(super) effect: Option<String>,
    pub(super) seconds: Option<i64>,
}

/// Where connections may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NetworkPolicySettings {
    pub(super) deny_all_but_relay: bool,
    pub(super) egress: Vec<EgressRule>,
}

impl Settings {
    /// Reads the settings of a build.
    pub(super) fn read(json: &str) -> Result<Self, Failure> {
        let invalid = |problem: String| Failure::InvalidTemplate(format!("the template's part `kubernetes` {problem}"));
        if json.trim().is_empty() {
            return Err(invalid("is missing".to_owned()));
        }
        // A list would be taken for the values in their order.
        if !json.trim_start().starts_with('{') {
            return Err(invalid("is no JSON object".to_owned()));
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let settings: Self = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let (place, problem) = (error.path().to_string(), error.inner());
            invalid(format!("is not understood: `{place}` {problem}"))
        })?;
        deserializer.end().map_err(|error| invalid(format!("is not understood: {error}")))?;
        if settings.image.is_empty() {
            return Err(invalid("names no `image`".to_owned()));
        }
        if settings.run_as_user == Some(0) {
            return Err(invalid("has `run_as_user` 0, but no workspace runs as root".to_owned()));
        }
        Ok(settings)
    }

    /// Where the files of the workspace are.
    pub(super) fn home(&self) -> &str {
        self.storage.as_ref().map_or(DEFAULT_HOME, |storage| &storage.mount_path)
    }

    pub(super) fn user(&self) -> i64 {
        self.run_as_user.unwrap_or(DEFAULT_USER).into()
    }

    /// True where not all connections are allowed.
    pub(super) fn is_restricted(&self) -> bool {
        self.network_policy.as_ref().is_some_and(|policy| policy.deny_all_but_relay || !policy.egress.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `workspaces` makes of a manifest that says everything; its tests keep this file up to date.
    const FULL: &str = include_str!("../../../workspaces/src/domain/manifest/tests/kubernetes_settings.json");

    #[test]
    fn all_that_a_manifest_may_say_is_understood() {
        let settings = Settings::read(FULL).expect("understood");
        assert!(settings.is_restricted() && settings.storage.is_some() && settings.namespace.is_some());
        assert!(!settings.tolerations.is_empty() && !settings.resources.limits.is_empty());
        assert!(settings.network_policy.is_some_and(|policy| policy.egress.iter().any(|rule| rule.cidr.is_some())));
    }

    #[test]
    fn little_is_enough() {
        let settings = Settings::read(r#"{"image": "debian"}"#).expect("understood");
        assert_eq!((settings.home(), settings.user(), settings.is_restricted()), ("/home/workspace", 1000, false));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        for (json, expected) in [
            ("", "is missing"),
            ("[]", "is no JSON object"),
            ("{}", "names no `image`"),
            (r#"{"image": "x"} y"#, "trailing characters"),
            (r#"{"image": "x", "privileged": true}"#, "`privileged` unknown field"),
            (r#"{"image": "x", "storage": {"size": 5}}"#, "`storage.size` invalid type"),
            (r#"{"image": "x", "network_policy": {"allow": []}}"#, "`network_policy.allow` unknown field"),
            (r#"{"image": "x", "run_as_user": 0}"#, "no workspace runs as root"),
        ] {
            let failure = Settings::read(json).expect_err(json);
            assert!(matches!(&failure, Failure::InvalidTemplate(text) if text.contains(expected)), "{json}: {failure}");
        }
    }
}
