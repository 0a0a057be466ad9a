//! How versions of templates are made and chosen.

use chatmesh_core::{Timestamp, Violations};
use chatmesh_db::{Db, DbError, Tx, values};
use chatmesh_rpc::UserId;

use super::StoreError;
use super::rows::Number;
use super::rows::templates::{KnownVersion, UsedTemplate};
use super::statements::templates::{
    COUNT_WORKSPACES, DELETE_TEMPLATE, FIND_VERSIONS_BY_DIGEST, GET_TEMPLATE, GET_VERSION_BY_NUMBER, GET_VERSION_INFO,
    GET_VERSION_OF_TEMPLATE, INSERT_TEMPLATE, INSERT_VERSION, LATEST_VERSION, LIST_TEMPLATES, LIST_USED_TEMPLATES,
    LOCK_TEMPLATE, LOCK_TEMPLATE_BY_NAME, UPDATE_TEMPLATE,
};
use crate::domain::{
    Build, Choice, Manifest, PREBUILD_OWNER, Recipe, Template, TemplateId, TemplateUsage, TemplateVersion,
    TemplateVersionId, Terms, Values, VersionInfo, WhichVersion, Workspace, resolve,
};

/// How often a template is looked for that gives up its name at the same time.
const MAX_TURNS: u32 = 3;

/// A version to make.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// The identifier for the template, where there is none of this name.
    pub template_id: TemplateId,
    /// The name of the template.
    pub template: String,
    /// True where a template that is new asks for its active version at each start.
    pub require_active_version: bool,
    /// The identifier for the version.
    pub id: TemplateVersionId,
    /// What it says; it is valid.
    pub manifest: Manifest,
    /// What there is to know about it.
    pub readme: String,
    /// What is new in it.
    pub message: String,
    /// Who makes it; `None` for the configuration.
    pub created_by: Option<UserId>,
    /// Whether it is to be the active one. The first one is in any case.
    pub activate: Activate,
    /// The time.
    pub now: Timestamp,
}

/// When a version becomes the active one of its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activate {
    /// Now.
    Now,
    /// Once somebody says so.
    Later,
    /// As the configuration declares it: where it is new, and where the active one is of the configuration, too. What
    /// somebody has pushed since stays active when a process starts that declares nothing new. Of processes that declare
    /// different versions the last to start wins: one that goes back on purpose looks like one that is merely old.
    Declared,
    /// As what is there without being declared: only where the active one is of the configuration, too.
    Implied,
}

impl Activate {
    /// Whether the version becomes active that takes the place of `active`.
    fn applies(self, is_new: bool, active: &VersionInfo) -> bool {
        let is_configured = active.created_by.is_none();
        match self {
            Self::Now => true,
            Self::Later => false,
            Self::Declared => is_new || is_configured,
            Self::Implied => is_configured,
        }
    }
}

/// What came of making a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The template as it is now.
    pub template: Template,
    /// The version.
    pub version: VersionInfo,
    /// False where the template had one with this content.
    pub created: bool,
}

/// What to change of a template; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TemplateChange {
    /// The active version.
    pub active_version: Option<WhichVersion>,
    /// Why it should not be used any more; empty where it may.
    pub deprecation: Option<String>,
    /// Whether each start is of the active version.
    pub require_active_version: Option<bool>,
    /// Whether the tools of chats may use it.
    pub allowed_for_agents: Option<bool>,
    /// Whether it is put away.
    pub archived: Option<bool>,
}

/// Which templates to list.
#[derive(Debug, Clone, Default)]
pub struct TemplateFilter {
    /// Those after this name.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u32,
    /// Those alone from which the tools of chats may make workspaces.
    pub for_agents: bool,
    /// Those that are put away, too.
    pub with_archived: bool,
    /// Who uses them, and how this user did since then.
    pub usage: Option<(UserId, Timestamp)>,
}

/// A template in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateListing {
    /// The template.
    pub template: Template,
    /// Who uses it, where that was asked for.
    pub usage: Option<TemplateUsage>,
}

/// What is chosen for a build that starts a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The version; where none is given, the active one for the first build and where the template requires it, else
    /// that of the build before.
    pub version: Option<WhichVersion>,
    /// Values of parameters.
    pub parameters: Values,
    /// The name of a preset of the version; empty for none.
    pub preset: String,
}

/// Makes a version, unless the template has one with this content.
pub(super) async fn push(db: &Db, new: &NewVersion) -> Result<Pushed, StoreError> {
    let provisioner = new.manifest.provisioner.as_str();
    let digest = TemplateVersion::digest(&new.manifest, &new.readme);
    let digest = digest.map_err(|error| DbError::inconsistent("manifest", error))?;
    let mut tx = db.begin().await?;
    let template = lock_or_insert(&mut tx, new).await?;
    if template.provisioner != provisioner {
        return Err(StoreError::OtherProvisioner(template.provisioner));
    }

    let key = values![template.id.0, digest.clone(), Vec::<u8>::new()];
    let known: Vec<KnownVersion> = tx.fetch_all(FIND_VERSIONS_BY_DIGEST, key).await?;
    let same = |known: &KnownVersion| known.digest == digest || known.has(&new.manifest, &new.readme);
    let (version, created) = match known.into_iter().find(same) {
        Some(known) => (known.version.info, false),
        None => (insert_version(&mut tx, template.id, new, digest).await?, true),
    };
    let applies = match template.active_version_id {
        None => true,
        Some(active) if active == version.id => false,
        Some(active) => {
            let key = values![template.id.0, active.0];
            let active = tx.fetch_optional::<VersionInfo>(GET_VERSION_INFO, key).await?;
            active.is_none_or(|active| new.activate.applies(created, &active))
        }
    };
    let template = if applies {
        let template = activated(template, version.id, &new.manifest);
        update_row(&mut tx, &template).await?;
        template
    } else {
        template
    };
    tx.commit().await?;
    Ok(Pushed { template, version, created })
}

/// The template of the name, made where there is none. One that is deleted gives up its name: where that happens while
/// its lock is waited for, the name is free, and another template is made.
async fn lock_or_insert(tx: &mut Tx, new: &NewVersion) -> Result<Template, StoreError> {
    let provisioner = new.manifest.provisioner.as_str();
    for _ in 0..MAX_TURNS {
        let row = values![new.template_id.0, new.template.as_str(), provisioner, new.require_active_version, new.now];
        tx.execute(INSERT_TEMPLATE, row).await?;
        let found = tx.fetch_optional::<Template>(LOCK_TEMPLATE_BY_NAME, values![new.template.as_str()]).await?;
        if let Some(template) = found {
            return Ok(template);
        }
    }
    Err(StoreError::NotFound)
}

async fn insert_version(
    tx: &mut Tx,
    template_id: TemplateId,
    new: &NewVersion,
    digest: Vec<u8>,
) -> Result<VersionInfo, DbError> {
    let latest = tx.fetch_optional::<VersionInfo>(LATEST_VERSION, values![template_id.0]).await?;
    let number = latest.map_or(1, |latest| latest.number + 1);
    let manifest = serde_json::to_string(&new.manifest).map_err(|error| DbError::inconsistent("manifest", error))?;
    let row = values![
        new.id.0,
        template_id.0,
        number,
        manifest,
        new.manifest.provisioner.as_str(),
        new.readme.as_str(),
        digest,
        new.message.as_str(),
        new.now,
        new.created_by.map(|user| user.0)
    ];
    tx.execute(INSERT_VERSION, row).await?;
    let NewVersion { id, message, now, created_by, .. } = new;
    let (message, created_at) = (message.clone(), *now);
    Ok(VersionInfo { id: *id, template_id, number, message, created_at, created_by: *created_by })
}

/// The template with this version as the active one.
fn activated(template: Template, version: TemplateVersionId, manifest: &Manifest) -> Template {
    Template {
        display_name: manifest.display_name.clone(),
        description: manifest.description.clone(),
        icon: manifest.icon.clone(),
        provisioner: manifest.provisioner.clone(),
        active_version_id: Some(version),
        ..template
    }
}

async fn update_row(tx: &mut Tx, template: &Template) -> Result<(), DbError> {
    let row = values![
        template.id.0,
        template.display_name.as_str(),
        template.description.as_str(),
        template.icon.as_str(),
        template.provisioner.as_str(),
        template.active_version_id.map(|id| id.0),
        template.deprecation.as_str(),
        template.require_active_version,
        template.allowed_for_agents,
        template.archived
    ];
    tx.execute(UPDATE_TEMPLATE, row).await.map(drop)
}

/// Changes what an administrator decides of a template.
pub(super) async fn update(db: &Db, id: TemplateId, change: &TemplateChange) -> Result<Template, StoreError> {
    let mut tx = db.begin().await?;
    let template = tx.fetch_optional::<Template>(LOCK_TEMPLATE, values![id.0]).await?;
    let mut template = template.ok_or(StoreError::NotFound)?;
    if let Some(which) = change.active_version {
        let version = find_version(&mut tx, id, which).await?;
        let version = version.ok_or_else(|| no_version("active_version", &template))?;
        template = activated(template, version.info.id, &version.manifest);
    }
    template.deprecation = change.deprecation.clone().unwrap_or(template.deprecation);
    template.require_active_version = change.require_active_version.unwrap_or(template.require_active_version);
    template.allowed_for_agents = change.allowed_for_agents.unwrap_or(template.allowed_for_agents);
    template.archived = change.archived.unwrap_or(template.archived);
    update_row(&mut tx, &template).await?;
    tx.commit().await?;
    Ok(template)
}

/// Lists templates by name.
pub(super) async fn list(db: &Db, filter: &TemplateFilter) -> Result<Vec<TemplateListing>, DbError> {
    let TemplateFilter { after, limit, for_agents, with_archived, usage } = filter;
    let after = after.as_deref().unwrap_or_default();
    let mut wanted = values![after, *limit, *with_archived, *for_agents];
    let Some((user, since)) = usage else {
        let found: Vec<Template> = db.fetch_all(LIST_TEMPLATES, wanted).await?;
        return Ok(found.into_iter().map(|template| TemplateListing { template, usage: None }).collect());
    };
    wanted.extend(values![user.0, *since, PREBUILD_OWNER.0]);
    let found: Vec<UsedTemplate> = db.fetch_all(LIST_USED_TEMPLATES, wanted).await?;
    let listing = |UsedTemplate { template, usage }| TemplateListing { template, usage: Some(usage) };
    Ok(found.into_iter().map(listing).collect())
}

/// Deletes a template that nobody uses.
pub(super) async fn delete(db: &Db, id: TemplateId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    tx.fetch_optional::<Template>(LOCK_TEMPLATE, values![id.0]).await?.ok_or(StoreError::NotFound)?;
    let used = tx.fetch_optional::<Number>(COUNT_WORKSPACES, values![id.0]).await?;
    if let Some(Number(count @ 1..)) = used {
        return Err(StoreError::InUse(count));
    }
    tx.execute(DELETE_TEMPLATE, values![id.0, id.to_string()]).await?;
    Ok(tx.commit().await?)
}

async fn find_version(
    tx: &mut Tx,
    template: TemplateId,
    which: WhichVersion,
) -> Result<Option<TemplateVersion>, DbError> {
    match which {
        WhichVersion::Id(id) => tx.fetch_optional(GET_VERSION_OF_TEMPLATE, values![template.0, id.0]).await,
        WhichVersion::Number(number) => tx.fetch_optional(GET_VERSION_BY_NUMBER, values![template.0, number]).await,
    }
}

fn no_version(field: &str, template: &Template) -> StoreError {
    let what = format!("is no version of the template `{}`: list its versions", template.name);
    StoreError::Unfit(Violations::one(field, what))
}

/// Settles what a build that starts a workspace is of; `before` is the build before it.
pub(super) async fn plan(
    tx: &mut Tx,
    workspace: &Workspace,
    before: Option<&Build>,
    start: &Start,
) -> Result<(Recipe, Terms), StoreError> {
    let template = tx.fetch_optional::<Template>(GET_TEMPLATE, values![workspace.template_id.0]).await?;
    let template = template.ok_or(StoreError::NotFound)?;
    if before.is_none() && template.archived {
        return Err(StoreError::Archived);
    }
    if before.is_none() && !template.deprecation.is_empty() {
        return Err(StoreError::Deprecated(template.deprecation));
    }
    let kept = before.and_then(|build| build.recipe.version_id).filter(|_| !template.require_active_version);
    let which = start.version.or_else(|| kept.or(template.active_version_id).map(WhichVersion::Id));
    let which = which.ok_or_else(|| no_version("version", &template))?;
    let version = find_version(tx, template.id, which).await?.ok_or_else(|| no_version("version", &template))?;
    if template.require_active_version && template.active_version_id != Some(version.info.id) {
        let what = format!("must be left out: template `{}` requires its active version", template.name);
        return Err(StoreError::Unfit(Violations::one("version", what)));
    }

    let manifest = &version.manifest;
    let preset = manifest.preset(&start.preset);
    if preset.is_none() && !start.preset.is_empty() {
        let names: Vec<String> = manifest.presets.iter().map(|preset| format!("`{}`", preset.name)).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let what = format!("is no preset of version {} of the template: it has {known}", version.info.number);
        return Err(StoreError::Unfit(Violations::one("preset", what)));
    }
    let previous = before.map(|build| &build.recipe.parameters);
    let parameters = resolve(&manifest.parameters, Choice { explicit: &start.parameters, preset, previous });
    let earlier = before.map(|build| build.recipe.preset.clone()).unwrap_or_default();
    let recipe = Recipe {
        version_id: Some(version.info.id),
        parameters: parameters.map_err(StoreError::Unfit)?,
        preset: preset.map_or(earlier, |preset| preset.name.clone()),
    };
    Ok((recipe, Terms::from(manifest)))
}
