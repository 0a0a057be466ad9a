//! A template in the configuration.

use std::collections::HashSet;

use serde::Deserialize;

use super::ScriptConfig;
use crate::domain::{LOCAL, Script, is_name};

/// The most scripts of a template, as agents have it: all of them may run at the same time.
const MAX_SCRIPTS: usize = 64;
/// The most bytes of all scripts of a template together: they go to the agent in one message.
const MAX_SCRIPTS_BYTES: usize = 512 * 1024;
/// The longest description.
const MAX_DESCRIPTION: usize = 1000;

/// A recipe for workspaces.
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
    /// workspace runs is settled when it starts: a change is for those that start after it.
    #[serde(default)]
    pub scripts: Vec<ScriptConfig>,
}

fn local() -> String {
    LOCAL.to_owned()
}

impl TemplateConfig {
    /// Checks the template, which stands at `place`.
    pub(super) fn validate(&self, place: &str) -> Result<(), String> {
        for (field, value) in [("name", &self.name), ("provisioner", &self.provisioner)] {
            if !is_name(value) {
                return Err(format!("{place}.{field} must be 1 to 32 lower-case letters, digits or `-`"));
            }
        }
        if self.description.len() > MAX_DESCRIPTION || self.description.contains('\0') {
            return Err(format!("{place}.description must have {MAX_DESCRIPTION} bytes at most, and none that is NUL"));
        }
        if self.scripts.len() > MAX_SCRIPTS {
            return Err(format!("{place}.scripts must be {MAX_SCRIPTS} at most"));
        }
        let mut ids = HashSet::new();
        for (index, script) in self.scripts.iter().enumerate() {
            let place = format!("{place}.scripts[{index}]");
            script.validate(&place)?;
            if !ids.insert(&script.id) {
                return Err(format!("{place}.id: another script of the template is named `{}`", script.id));
            }
        }
        if self.scripts.iter().map(|script| script.script.len()).sum::<usize>() > MAX_SCRIPTS_BYTES {
            let limit = MAX_SCRIPTS_BYTES / 1024;
            return Err(format!("{place}.scripts must have {limit} KiB at most together: fetch what is long"));
        }
        Ok(())
    }

    /// What its workspaces run.
    pub(crate) fn scripts(&self) -> Vec<Script> {
        self.scripts.iter().map(Script::from).collect()
    }
}
