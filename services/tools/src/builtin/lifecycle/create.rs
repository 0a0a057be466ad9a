//! `create_workspace`: makes a workspace for the chat, unless it has one.

use chatmesh_proto::workspaces::v1::{
    CreateWorkspaceRequest, CreateWorkspaceResponse, Template, Workspace, WorkspaceStatus,
};
use chatmesh_rpc::Code;
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::super::{Call, parse};
use super::args::{Values, template_id};
use super::failure::{Trouble, is};
use super::name::Name;
use super::ready::{self, Readiness};
use super::services::Services;
use super::{MAX_ROUNDS, build, existing, receipt, restless, start, workspace_of};
use crate::agent::EXTERNAL;
use crate::outcome::Outcome;

/// How many names are made up at most.
const MAX_NAMES: u32 = 8;

#[derive(Debug, Deserialize)]
struct Args {
    template_id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    parameters: Values,
    #[serde(alias = "preset_id")]
    preset: Option<String>,
}

/// What the model is told of its workspace.
#[derive(Debug, Serialize)]
struct Created {
    created: bool,
    workspace_name: String,
    build_id: String,
    #[serde(flatten)]
    readiness: Readiness,
}

pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, Trouble> {
    let args: Args = parse(call.args)?;
    let template_id = template_id(args.template_id.as_deref())?.to_string();
    let mut has = workspace_of(call).map(str::to_owned);
    for _ in 0..MAX_ROUNDS {
        if let Some(id) = &has
            && let Some(found) = existing::examine(call, id).await?
        {
            return Ok(found);
        }
        let template = usable(&Services::of(call), &template_id).await?;
        let made = create(call, &args, &template, has.as_deref()).await?;
        let workspace = made.workspace.ok_or_else(restless)?;
        if !made.made_for_chat_before {
            return settle(call, workspace).await;
        }
        // Another call was faster, or one that ended before it could tell: the chat takes on what that one made.
        let build_id = workspace.latest_build.as_ref().map_or("", |build| build.id.as_str());
        call.notices.bound(&workspace.id, build_id).await;
        has = Some(workspace.id);
    }
    Err(restless())
}

/// Finds a template that chats may use. Where that is not known, they may not.
async fn usable(services: &Services<'_>, id: &str) -> Result<Template, Trouble> {
    let template = match services.template(id).await {
        Ok(template) => template,
        Err(status) if status.code() == Code::NotFound => return Err(unknown(id)),
        Err(status) => return Err(Trouble::of(&status)),
    };
    if !template.allowed_for_agents {
        return Err(not_allowed(&template));
    }
    if template.provisioner == EXTERNAL {
        return Err(Trouble::Flat(format!(
            "workspaces of the template `{}` run on machines of their users, who have to start an agent there: choose \
             another template, or ask the user to make such a workspace, to ask for its agent's token \
             (POST /api/v1/workspaces/ID/agents/ID:issueToken shows it with the line to type), to start the agent with \
             that, and to give the workspace to this chat",
            template.name
        )));
    }
    Ok(template)
}

/// What is said of a template that is not there.
pub(super) fn unknown(id: &str) -> Trouble {
    Trouble::Flat(format!("there is no template `{id}`: `list_templates` lists those that there are"))
}

/// What is said of one that is not for chats.
pub(super) fn not_allowed(template: &Template) -> Trouble {
    Trouble::Flat(format!(
        "the template `{}` is not for chats: `list_templates` lists those that are; a person may still make a \
         workspace from it and give that to this chat",
        template.name
    ))
}

/// Makes the workspace, with another name where the one that was made up is taken.
async fn create(
    call: &Call<'_>,
    args: &Args,
    template: &Template,
    replaced: Option<&str>,
) -> Result<CreateWorkspaceResponse, Trouble> {
    let services = Services::of(call);
    let mut taken = None;
    for attempt in 0..MAX_NAMES {
        let number = receipt::number(&format!("name {attempt}"), call.key);
        let name = Name::choose(args.name.as_deref(), &template.name, number);
        let message = CreateWorkspaceRequest {
            template: template.id.clone(),
            name: name.as_str().to_owned(),
            request_id: receipt::request_id("create", call.key).to_string(),
            parameters: args.parameters.clone().into_map(),
            preset: args.preset.clone().unwrap_or_default(),
            chat_id: call.workspace.chat_id.clone(),
            replaced_workspace_id: replaced.unwrap_or_default().to_owned(),
            ttl_seconds: call.workspace_ttl_seconds,
            ..CreateWorkspaceRequest::default()
        };
        match (services.create(message).await, name) {
            (Ok(made), _) => return Ok(made),
            (Err(status), Name::MadeUp(_)) if is_taken(&status) => taken = Some(status),
            (Err(status), _) if is(&status, "TEMPLATE_NOT_ALLOWED") => return Err(not_allowed(template)),
            (Err(status), _) => return Err(Trouble::of(&status)),
        }
    }
    Err(taken.map_or_else(restless, |status| Trouble::of(&status)))
}

/// True where another workspace has the name, if only until it is gone.
fn is_taken(status: &Status) -> bool {
    is(status, "WORKSPACE_EXISTS") || is(status, "WORKSPACE_BEING_DELETED")
}

/// Waits for the new workspace.
async fn settle(call: &Call<'_>, workspace: Workspace) -> Result<Outcome, Trouble> {
    let status = workspace.status();
    let Workspace { id, name, latest_build, .. } = workspace;
    let build = latest_build.ok_or_else(restless)?;
    if status == WorkspaceStatus::Deleted {
        // A call that is made again finds that what it made was used up meanwhile.
        return Err(super::deleted());
    }
    call.notices.bound(&id, &build.id).await;
    build::wait(&Services::of(call), &build, start::NAME).await?;
    let readiness = ready::wait(call, &build, ready::From::Connect).await?;
    call.notices.settled(&id, &build.id).await;
    Ok(Outcome::of(&Created { created: true, workspace_name: name, build_id: build.id, readiness }))
}
