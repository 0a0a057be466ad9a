//! What a version of a template says: what its workspaces run, and what may be chosen for them.
//!
//! People write it, as TOML or YAML; in the database it is JSON. A version never changes, so that
//! what a workspace was built from can always be looked up.

mod agent;
mod kubernetes;
mod parameter;
mod preset;
mod read;
mod schema;
mod script;
mod settings;
mod timeouts;
mod validate;
mod value;

use std::time::Duration;

pub use agent::AgentManifest;
use chatmesh_core::Violations;
pub use kubernetes::{
    EgressManifest, EgressPortManifest, KubernetesManifest, KubernetesResources, NetworkPolicyManifest,
    NetworkProtocol, StorageManifest, TolerationEffect, TolerationManifest, TolerationOperator,
};
pub use parameter::{Monotonic, Parameter, ParameterOption, ParameterType, ParameterValidation};
pub use preset::{Prebuilds, Preset};
pub use read::ManifestFormat;
pub use schema::manifest_schema;
use schemars::JsonSchema;
pub use script::ScriptManifest;
use serde::{Deserialize, Serialize};
pub use timeouts::Timeouts;
pub(crate) use validate::{MAX_AGENTS, MAX_PARAMETERS, MAX_TTL, check_prose};
pub use value::WrittenValue;

use super::{LOCAL, MAIN_AGENT, Script};

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Names the template for people; its name does where this is left out. 64 characters at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// What its workspaces are for; 1000 bytes at most. Models choose among templates by it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A picture for it: a path that begins with `/`, or an `https://` address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// The kind of provisioner that carries builds out; `local` where it is left out.
    #[serde(default = "local")]
    pub provisioner: String,
    /// The programs through which a workspace is reached, 8 at most; one named `main` where it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentManifest>,
    /// The Pod of a workspace, where the provisioner is `kubernetes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesManifest>,
    /// What may be chosen for a workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Choices that belong together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presets: Vec<Preset>,
    /// How long those wait who wait for a workspace.
    #[serde(default, skip_serializing_if = "Timeouts::is_default")]
    pub timeouts: Timeouts,
    /// What a workspace takes of its owner's credits while it is not stopped; nothing where it is left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub daily_cost: u32,
    /// How long a workspace runs without being used, in whole seconds, like `8h`; 30 days at most. Where it is left out,
    /// it runs until somebody stops it. Whoever makes a workspace may say otherwise.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub default_ttl: Option<Duration>,
    /// How much longer a workspace runs at least once it was used, in whole seconds; an hour where it is left out, 30
    /// days at most. With `0s` nothing moves the time at which it is stopped. A chat that runs uses it, and people do
    /// while something goes on in what they have open: a terminal, a port, a watch of repositories.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub activity_bump: Option<Duration>,
    /// How long a workspace runs after each start at most, in whole seconds, like `24h`; a minute at least and 30 days at
    /// most. It is stopped then, however much it is used. Without a bound where it is left out.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub max_lifetime: Option<Duration>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn local() -> String {
    LOCAL.to_owned()
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            display_name: String::new(),
            description: String::new(),
            icon: String::new(),
            provisioner: local(),
            agents: Vec::new(),
            kubernetes: None,
            parameters: Vec::new(),
            presets: Vec::new(),
            timeouts: Timeouts::default(),
            daily_cost: 0,
            default_ttl: None,
            activity_bump: None,
            max_lifetime: None,
        }
    }
}

impl Manifest {
    /// Reads a manifest and checks it.
    ///
    /// # Errors
    /// What is wrong, with the place of each in the manifest. What is no manifest at all has one error.
    pub fn read(format: ManifestFormat, text: &str) -> Result<Self, Violations> {
        let manifest = read::read(format, text)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Checks everything that its types do not.
    ///
    /// # Errors
    /// Everything that is wrong, with the place of each in the manifest.
    pub fn validate(&self) -> Result<(), Violations> {
        validate::validate(self)
    }

    /// The preset of this name.
    #[must_use]
    pub fn preset(&self, name: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.name == name)
    }

    /// The agents of a workspace, each with its name, its place, and what it runs.
    pub(crate) fn agents(&self) -> Vec<(&str, i32, Vec<Script>)> {
        if self.agents.is_empty() {
            return vec![(MAIN_AGENT, 0, Vec::new())];
        }
        let scripts = |agent: &AgentManifest| agent.scripts.iter().map(Script::from).collect();
        self.agents.iter().map(|agent| (agent.name.as_str(), agent.display_order, scripts(agent))).collect()
    }
}

#[cfg(test)]
mod tests;
