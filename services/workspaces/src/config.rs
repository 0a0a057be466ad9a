//! Configuration.

mod script;
mod template;

use std::collections::HashSet;

pub use script::ScriptConfig;
use serde::Deserialize;
pub use template::TemplateConfig;

/// The service's configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Templates that are there from the start; they are made, or changed to what stands here, whenever the service
    /// starts. One named `local`, a directory and an agent on the machine where chatmesh runs, is there unless another
    /// one of this name is. A template that is not named here any more stays as it is, because workspaces may be made
    /// from it.
    pub templates: Vec<TemplateConfig>,
}

impl Config {
    /// Checks the configuration.
    ///
    /// # Errors
    /// What is wrong and where, in words.
    pub fn validate(&self) -> Result<(), String> {
        let mut names = HashSet::new();
        for (index, template) in self.templates.iter().enumerate() {
            let place = format!("workspaces.templates[{index}]");
            template.validate(&place)?;
            if !names.insert(&template.name) {
                return Err(format!("{place}.name: another template is named `{}`", template.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
