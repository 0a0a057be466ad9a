//! How templates of the configuration come into the database.

use tracing::info;

use crate::Error;
use crate::error::stays;
use crate::store::{Activate, NewVersion, Pushed, StoreError, WorkspaceStore};

/// Makes the version that the configuration has of a template, unless there is one.
pub(crate) async fn declare(store: &dyn WorkspaceStore, new: &NewVersion) -> Result<(), Error> {
    match store.push_version(new).await {
        Ok(Pushed { template, version, .. }) if template.active_version_id == Some(version.id) => Ok(()),
        Ok(Pushed { template, version, .. }) => {
            let (template, number) = (template.name, version.number);
            info!(template, number, "the version of the configuration is not the active one: somebody pushed another");
            Ok(())
        }
        // Somebody has made another template of the name that is free where nothing is declared.
        Err(StoreError::OtherProvisioner(_)) if new.activate == Activate::Implied => Ok(()),
        Err(StoreError::OtherProvisioner(kept)) => {
            let (template, what) = (&new.template, stays(&kept));
            Err(Error::Config(format!("workspaces.templates: the provisioner of `{template}` {what}")))
        }
        Err(error) => Err(Error::on_template(&new.template, error)),
    }
}
