//! `start_workspace`: starts the chat's workspace, or waits until somebody else has.
//!
//! Whether it can be started is not looked up first: it is asked for, and the refusal says what is in the way.

use chatmesh_proto::workspaces::v1::{Build, StartWorkspaceRequest, Template, Transition, Workspace};
use chatmesh_rpc::Code;
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::super::{Call, parse};
use super::args::Values;
use super::failure::{ToolFailure, Trouble, is};
use super::ready::{self, Readiness};
use super::services::Services;
use super::{MAX_ROUNDS, build, deleted, none_yet, receipt, restless, workspace_of};
use crate::outcome::Outcome;

/// The tool.
pub(super) const NAME: &str = "start_workspace";

/// What became of parameters for a workspace that runs.
const NOT_APPLIED_TO_RUNNING: &str =
    "it was running already, so the parameters were not applied: stop it first to change them";
/// What became of them where it was being started.
const NOT_APPLIED_TO_START: &str =
    "it was being started already, so the parameters were not applied: stop it first to change them";

#[derive(Debug, Deserialize)]
struct Args {
    #[serde(default)]
    parameters: Values,
}

/// What the model is told of its workspace.
#[derive(Debug, Default, Serialize)]
struct Started {
    started: bool,
    workspace_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_build: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_to_active_version: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    #[serde(flatten)]
    readiness: Readiness,
}

pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, Trouble> {
    let args: Args = parse(call.args)?;
    let id = workspace_of(call).ok_or_else(none_yet)?;
    let services = Services::of(call);
    for _ in 0..MAX_ROUNDS {
        let workspace = open(&services, id).await?;
        let request = StartWorkspaceRequest {
            workspace_id: id.to_owned(),
            request_id: receipt::request_id("start", call.key).to_string(),
            parameters: args.parameters.clone().into_map(),
            ..StartWorkspaceRequest::default()
        };
        match services.start(request).await {
            Ok(build) => {
                let before = version_before(&services, &build).await;
                return follow(call, workspace, build, before, None).await;
            }
            Err(status) if is(&status, "WORKSPACE_ALREADY_RUNNING") => {
                return running(call, workspace, args.parameters.is_empty()).await;
            }
            Err(status) if is(&status, "BUILD_ACTIVE") => {
                if let Some(started) = join(call, id).await? {
                    let note = (!args.parameters.is_empty()).then_some(NOT_APPLIED_TO_START);
                    return follow(call, workspace, started, None, note).await;
                }
            }
            Err(status) => return Err(refused(&services, &workspace, &status).await),
        }
    }
    Err(restless())
}

/// Reads the chat's workspace.
pub(super) async fn open(services: &Services<'_>, id: &str) -> Result<Workspace, Trouble> {
    services.workspace(id).await.map_err(|status| match status.code() {
        Code::NotFound => deleted(),
        _ => Trouble::of(&status),
    })
}

/// Waits for what is being done to the workspace. Returns the build where that starts it.
async fn join(call: &Call<'_>, id: &str) -> Result<Option<Build>, Trouble> {
    let services = Services::of(call);
    let workspace = open(&services, id).await?;
    let Some(build) = workspace.latest_build.filter(build::is_active) else { return Ok(None) };
    if build.transition() == Transition::Start {
        return Ok(Some(build));
    }
    call.notices.bound(id, &build.id).await;
    // However that ends: the next try finds out what it left behind.
    build::end(&services, &build, NAME).await?;
    Ok(None)
}

/// Waits for a build that starts the workspace. `before` is the version that the build before was of, where that is to be
/// compared; `note` is what else is to be said.
async fn follow(
    call: &Call<'_>,
    workspace: Workspace,
    build: Build,
    before: Option<String>,
    note: Option<&'static str>,
) -> Result<Outcome, Trouble> {
    call.notices.bound(&workspace.id, &build.id).await;
    let build = build::wait(&Services::of(call), &build, NAME).await?;
    let readiness = ready::wait(call, &build, ready::From::Connect).await?;
    call.notices.settled(&workspace.id, &build.id).await;
    let is_updated = before.is_some_and(|before| before != build.template_version_id);
    let started = Started {
        started: true,
        workspace_name: workspace.name,
        build_id: Some(build.id),
        message: note,
        readiness,
        ..Started::default()
    };
    if !is_updated {
        return Ok(Outcome::of(&started));
    }
    Ok(Outcome::of(&Started {
        updated_to_active_version: Some(true),
        update_reason: Some("the template demands its active version for every start"),
        message: Some("the workspace is of a newer version of its template now: what it brings along may have changed"),
        ..started
    }))
}

/// The version that the build before was of. Nobody can say where it cannot be read: then nothing is said.
async fn version_before(services: &Services<'_>, build: &Build) -> Option<String> {
    let builds = services.builds(&build.workspace_id).await.ok()?;
    let before = builds.into_iter().find(|other| other.build_number + 1 == build.build_number)?;
    Some(before.template_version_id).filter(|id| !id.is_empty())
}

async fn running(call: &Call<'_>, workspace: Workspace, has_no_parameters: bool) -> Result<Outcome, Trouble> {
    let latest = open(&Services::of(call), &workspace.id).await?.latest_build.ok_or_else(restless)?;
    Ok(Outcome::of(&Started {
        started: true,
        no_build: Some(true),
        message: (!has_no_parameters).then_some(NOT_APPLIED_TO_RUNNING),
        readiness: ready::wait(call, &latest, ready::From::Connect).await?,
        workspace_name: workspace.name,
        ..Started::default()
    }))
}

/// Why no build was made.
async fn refused(services: &Services<'_>, workspace: &Workspace, status: &Status) -> Trouble {
    if status.code() == Code::NotFound || is(status, "WORKSPACE_DELETED") {
        return deleted();
    }
    if !is(status, "INVALID_PARAMETERS") {
        return Trouble::of(status);
    }
    let template = services.template(&workspace.template).await.ok();
    match template.filter(|template| is_update(workspace, template)) {
        Some(template) => needs_values(&template, status).into(),
        None => Trouble::of(status),
    }
}

/// True where a start is of another version than the build before.
fn is_update(workspace: &Workspace, template: &Template) -> bool {
    let before = workspace.latest_build.as_ref().map_or("", |build| build.template_version_id.as_str());
    template.require_active_version && template.active_version_id != before
}

/// The newer version wants values that the workspace does not have.
fn needs_values(template: &Template, status: &Status) -> ToolFailure {
    let failure = ToolFailure::of(status);
    ToolFailure {
        error: format!(
            "the workspace has to be updated to the active version of its template `{}`, which wants other values: \
             read them with `read_template` and this `template_id`, then call `start_workspace` again with \
             `parameters`. Ask the user where a value is not obvious",
            template.name
        ),
        detail: Some(failure.error.clone()),
        template_id: Some(template.id.clone()),
        ..failure
    }
}
