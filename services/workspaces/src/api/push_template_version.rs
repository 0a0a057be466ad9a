use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{Manifest, ManifestFormat, TemplateId, TemplateVersionId, check_prose, is_name};
use crate::state::State;
use crate::store::{Activate, NewVersion};
use crate::{Error, convert};

/// The longest readme.
const MAX_README: usize = 64 * 1024;

/// Makes a version of a template, and the template where there is none.
pub(super) async fn push_template_version(
    state: &State,
    caller: Caller,
    request: pb::PushTemplateVersionRequest,
) -> Result<pb::PushTemplateVersionResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    let demands = "must be 1 to 32 lower-case letters, digits or `-`";
    violations.require(is_name(&request.template), "template", demands);
    let fits = request.readme.len() <= MAX_README && !request.readme.contains('\0');
    violations.require(fits, "readme", format!("must have {} KiB at most, and no NUL", MAX_README / 1024));
    check_prose("message", &request.message, &mut violations);
    let manifest = read(&request, &mut violations);
    let manifest = violations.finish(manifest)?;

    let new = NewVersion {
        template_id: TemplateId(state.ids.next()),
        template: request.template,
        require_active_version: false,
        id: TemplateVersionId(state.ids.next()),
        manifest,
        readme: request.readme,
        message: request.message,
        created_by: caller.user_and_role().map(|(id, _)| id),
        activate: if request.activate.unwrap_or(true) { Activate::Now } else { Activate::Later },
        now: state.clock.now(),
    };
    let pushed = state.store.push_version(&new).await;
    let pushed = pushed.map_err(|error| Error::on_template(&new.template, error))?;
    state.hints.pools_changed().await;
    let version = convert::version_info(pushed.version, pushed.template.active_version_id);
    Ok(pb::PushTemplateVersionResponse {
        version: Some(version),
        template: Some(pushed.template.into()),
        created: pushed.created,
    })
}

/// Reads the manifest; what is wrong with it has its place below the field.
fn read(request: &pb::PushTemplateVersionRequest, violations: &mut Violations) -> Option<Manifest> {
    let format = match pb::ManifestFormat::try_from(request.format) {
        Ok(pb::ManifestFormat::Unspecified | pb::ManifestFormat::Toml) => ManifestFormat::Toml,
        Ok(pb::ManifestFormat::Yaml) => ManifestFormat::Yaml,
        Err(_) => {
            violations.add("format", "must be a format of manifests: TOML or YAML");
            return None;
        }
    };
    match Manifest::read(format, &request.manifest) {
        Ok(manifest) => Some(manifest),
        Err(wrong) => {
            for violation in wrong.iter() {
                let is_whole = violation.field == "manifest";
                let field = if is_whole { "manifest".to_owned() } else { format!("manifest.{}", violation.field) };
                violations.add(field, &violation.description);
            }
            None
        }
    }
}
