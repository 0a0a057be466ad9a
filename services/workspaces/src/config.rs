//! Configuration.

mod quota;
mod template;

use std::collections::HashSet;

pub use quota::{GroupConfig, QuotaConfig};
use serde::Deserialize;
pub use template::TemplateConfig;

/// The service's configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Templates that are there from the start; they are made when the service starts, or changed to what stands here
    /// where that is new. A version that somebody has pushed since stays the active one until then. One named `local`, a directory and an agent on the machine where chatmesh runs, is there unless another
    /// one of this name is. A template that is not named here any more stays as it is, because workspaces may be made
    /// from it.
    pub templates: Vec<TemplateConfig>,
    /// How many credits the workspaces of a user may take together; without a bound where it is left out.
    pub quota: QuotaConfig,
}

impl Config {
    /// Checks the configuration.
    ///
    /// # Errors
    /// What is wrong and where, in words.
    pub fn validate(&self) -> Result<(), String> {
        self.quota.validate()?;
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
