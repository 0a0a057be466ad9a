//! A template in the configuration.

use chatmesh_core::Violations;
use serde::Deserialize;

use crate::domain::{AgentManifest, KubernetesManifest, LOCAL, MAIN_AGENT, Manifest, ScriptManifest, is_name};

/// A recipe for workspaces. Each change of it makes a new version, and each start of a workspace is of the active one,
/// which is that of the process that started last.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateConfig {
    /// What workspaces name; 1 to 32 lower-case letters, digits or `-`.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The kind of provisioner that carries builds out; `local` where it is left out.
    #[serde(default = "local")]
    pub provisioner: String,
    /// What workspaces run when they start and stop, and in between; 64 at most, 512 KiB of text in all. What a
    /// workspace runs is settled when its start is asked for: a change is for those that start after it.
    #[serde(default)]
    pub scripts: Vec<ScriptManifest>,
    /// The Pod of a workspace, where the provisioner is `kubernetes`; as in the manifest of a template.
    #[serde(default)]
    pub kubernetes: Option<KubernetesManifest>,
}

fn local() -> String {
    LOCAL.to_owned()
}

impl TemplateConfig {
    /// Checks the template, which stands at `place`: its name, and what it says as the manifest that it becomes.
    pub(super) fn validate(&self, place: &str) -> Result<(), String> {
        let mut violations = Violations::new();
        let demands = "must be 1 to 32 lower-case letters, digits or `-`";
        violations.require(is_name(&self.name), "name", demands);
        if let Err(found) = self.clone().manifest().validate() {
            for one in found.iter() {
                // There is one agent, whose scripts stand in the template itself.
                let field = one.field.strip_prefix("agents[0].").unwrap_or(&one.field);
                violations.add(field, &one.description);
            }
        }
        if violations.is_empty() {
            return Ok(());
        }
        let told: Vec<String> =
            violations.iter().map(|one| format!("{place}.{} {}", one.field, one.description)).collect();
        Err(told.join("; "))
    }

    /// What it says, as a version of a template.
    pub(crate) fn manifest(self) -> Manifest {
        let agent = AgentManifest { name: MAIN_AGENT.to_owned(), display_order: 0, scripts: self.scripts };
        let Self { description, provisioner, kubernetes, .. } = self;
        Manifest { description, provisioner, kubernetes, agents: vec![agent], ..Manifest::default() }
    }
}
