//! Templates and their versions, on the way out.

use chatmesh_proto::workspaces::v1 as pb;

use super::build::seconds;
use crate::domain::{
    Manifest, Monotonic, Parameter, ParameterOption, ParameterType, ParameterValidation, ParameterValue, Preset,
    Template, TemplateVersion, TemplateVersionId, Timeouts, VersionInfo, WrittenValue,
};
use crate::store::TemplateListing;

impl From<Template> for pb::Template {
    fn from(template: Template) -> Self {
        Self {
            id: template.id.to_string(),
            name: template.name,
            description: template.description,
            provisioner: template.provisioner,
            create_time: Some(template.created_at.into()),
            display_name: template.display_name,
            icon: template.icon,
            active_version_id: template.active_version_id.map(|id| id.to_string()).unwrap_or_default(),
            deprecation: template.deprecation,
            allowed_for_agents: template.allowed_for_agents,
            require_active_version: template.require_active_version,
            archived: template.archived,
            usage: None,
        }
    }
}

impl From<TemplateListing> for pb::Template {
    fn from(TemplateListing { template, usage }: TemplateListing) -> Self {
        let usage = usage.map(|usage| pb::TemplateUsage {
            active_developers: usage.active_developers,
            your_workspace_count: usage.own_workspaces,
            your_deleted_workspace_count: usage.own_deleted,
            last_used_by_you: usage.own_last_use.map(Into::into),
        });
        Self { usage, ..Self::from(template) }
    }
}

/// A version without what it says.
pub(crate) fn version_info(version: VersionInfo, active: Option<TemplateVersionId>) -> pb::TemplateVersionInfo {
    pb::TemplateVersionInfo {
        id: version.id.to_string(),
        template_id: version.template_id.to_string(),
        version_number: version.number,
        message: version.message,
        create_time: Some(version.created_at.into()),
        created_by: version.created_by.map(|user| user.to_string()).unwrap_or_default(),
        active: active == Some(version.id),
    }
}

/// A version with what it says; all of it only where the caller may see the scripts.
pub(crate) fn template_version(
    version: TemplateVersion,
    active: Option<TemplateVersionId>,
    with_manifest: bool,
) -> pb::TemplateVersion {
    let TemplateVersion { info, manifest, readme } = version;
    let json = if with_manifest { serde_json::to_string_pretty(&manifest).unwrap_or_default() } else { String::new() };
    let Manifest { daily_cost, default_ttl, max_lifetime, .. } = manifest;
    let Manifest { display_name, description, icon, provisioner, parameters, presets, timeouts, .. } = manifest;
    let Timeouts { build, connection, startup } = timeouts;
    let presets = presets.into_iter().map(|one| preset(one, &parameters)).collect();
    pb::TemplateVersion {
        info: Some(version_info(info, active)),
        presets,
        parameters: parameters.into_iter().map(parameter).collect(),
        readme,
        display_name,
        description,
        icon,
        provisioner,
        build_timeout_seconds: seconds(build),
        connection_timeout_seconds: seconds(connection),
        startup_timeout_seconds: seconds(startup),
        manifest: json,
        daily_cost,
        default_ttl_seconds: seconds(default_ttl),
        max_lifetime_seconds: seconds(max_lifetime),
    }
}

fn parameter(parameter: Parameter) -> pb::TemplateParameter {
    let default_value = parameter.default.as_ref().map(|written| text(parameter.kind, written));
    let option_type = parameter.option_type();
    let ParameterValidation { regex, error, min, max, monotonic } = parameter.validation;
    let monotonic = match monotonic {
        None => pb::Monotonic::Unspecified,
        Some(Monotonic::Increasing) => pb::Monotonic::Increasing,
        Some(Monotonic::Decreasing) => pb::Monotonic::Decreasing,
    };
    let options = parameter.options.into_iter().map(|ParameterOption { value, name, description }| {
        pb::ParameterOption { value: text(option_type, &value), name, description }
    });
    pb::TemplateParameter {
        name: parameter.name,
        display_name: parameter.display_name,
        description: parameter.description,
        r#type: pb::ParameterType::from(parameter.kind).into(),
        mutable: parameter.mutable,
        ephemeral: parameter.ephemeral,
        required: parameter.required,
        default_value,
        options: options.collect(),
        validation: Some(pb::ParameterValidation { regex, error, min, max, monotonic: monotonic.into() }),
    }
}

fn preset(preset: Preset, parameters: &[Parameter]) -> pb::TemplatePreset {
    let values = preset.parameters.iter().filter_map(|(name, written)| {
        let parameter = parameters.iter().find(|parameter| parameter.name == *name)?;
        Some((name.clone(), text(parameter.kind, written)))
    });
    pb::TemplatePreset {
        parameters: values.collect(),
        name: preset.name,
        description: preset.description,
        icon: preset.icon,
        is_default: preset.is_default,
        desired_prebuild_instances: preset.prebuilds.map_or(0, |prebuilds| prebuilds.instances),
    }
}

/// The text of a value of a manifest that was checked.
fn text(kind: ParameterType, written: &WrittenValue) -> String {
    ParameterValue::read(kind, written).map(|value| value.to_string()).unwrap_or_default()
}

impl From<ParameterType> for pb::ParameterType {
    fn from(kind: ParameterType) -> Self {
        match kind {
            ParameterType::Text => Self::String,
            ParameterType::Number => Self::Number,
            ParameterType::Bool => Self::Bool,
            ParameterType::List => Self::List,
        }
    }
}
