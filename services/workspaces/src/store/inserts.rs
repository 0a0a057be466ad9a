//! How workspaces are made, and what is there in place of one that is not.

use chatmesh_db::{Db, DbError, Tx, Value, values};

use super::builds::{self, only};
use super::chats::{self, OfChat, WORKSPACE_OF_CHAT};
use super::statements::usage::SET_TTL;
use super::statements::{
    FIND_WORKSPACE_BY_NAME, FIND_WORKSPACE_BY_REQUEST, GET_WORKSPACE, INSERT_BUILD, INSERT_WORKSPACE,
};
use super::{Inserted, NewWorkspace, StoreError, prebuilds, templates};
use crate::domain::{Build, BuildReason, BuildStatus, PREBUILD_OWNER, Terms, Transition, Workspace, WorkspaceDetails};

/// How often a workspace is tried to be made while what was in its way goes away.
const MAX_TRIES: u32 = 3;

/// Makes a workspace, with its first build or out of one that was made in advance.
pub(super) async fn insert(db: &Db, new: &NewWorkspace) -> Result<Inserted, StoreError> {
    for _ in 0..MAX_TRIES {
        if let Some(details) = try_insert(db, new).await? {
            return Ok(Inserted::Created(details));
        }
        // What was in the way may have been deleted since.
        if let Some(found) = what_is_there(db, new).await? {
            return Ok(found);
        }
    }
    Ok(Inserted::NameTaken)
}

/// Makes a workspace where nothing is in its way.
async fn try_insert(db: &Db, new: &NewWorkspace) -> Result<Option<WorkspaceDetails>, StoreError> {
    let workspace = &new.workspace;
    let mut tx = db.begin().await?;
    if tx.execute(INSERT_WORKSPACE, workspace_row(new)).await? == 0 {
        return Ok(None);
    }
    let (recipe, terms) = templates::plan(&mut tx, workspace, None, &new.start).await?;
    let new = &fit_ttl(&mut tx, new, &terms).await?;
    let workspace = &new.workspace;
    let details = match prebuilds::claim(&mut tx, new, &recipe).await? {
        Some(claimed) => claimed,
        None => {
            let build = Build::new(new.build_id, workspace.id, 1, Transition::Start, workspace.created_at);
            let build = match workspace.owner_id {
                PREBUILD_OWNER => Build { recipe, terms, reason: Some(BuildReason::Prebuild), ..build },
                owner => Build { recipe, terms, initiator: Some(owner), ..build },
            };
            tx.execute(INSERT_BUILD, builds::row(&build, None)?).await?;
            WorkspaceDetails { workspace: workspace.clone(), build, agents: Vec::new() }
        }
    };
    // The last of all, so that whoever waits here for another call of the chat holds up nobody for long.
    if !chats::claim(&mut tx, new, details.workspace.id).await? {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(details))
}

/// What is in the way of a workspace; `None` where that is gone.
async fn what_is_there(db: &Db, new: &NewWorkspace) -> Result<Option<Inserted>, DbError> {
    let owner = new.workspace.owner_id;
    if let Some(id) = new.request_id
        && let Some(earlier) = only(db.fetch_all(FIND_WORKSPACE_BY_REQUEST, values![owner.0, id]).await?)
    {
        return Ok(Some(Inserted::Repeated(earlier)));
    }
    if let Some(chat) = new.chat
        && let Some(OfChat(id)) = db.fetch_optional(WORKSPACE_OF_CHAT, chats::key(owner, chat)).await?
        && Some(id) != chat.replaces
        && let Some(of_chat) = only(db.fetch_all(GET_WORKSPACE, values![id.0]).await?)
    {
        return Ok(Some(Inserted::OfChat(of_chat)));
    }
    let holder = only(db.fetch_all(FIND_WORKSPACE_BY_NAME, values![owner.0, new.workspace.name.as_str()]).await?);
    let is_leaving = |build: &Build| {
        build.transition == Transition::Delete && matches!(build.status, BuildStatus::Pending | BuildStatus::Running)
    };
    Ok(holder.map(|holder| if is_leaving(&holder.build) { Inserted::NameBeingFreed } else { Inserted::NameTaken }))
}

/// Gives a workspace that was just inserted a time to live that its template allows.
async fn fit_ttl(tx: &mut Tx, new: &NewWorkspace, terms: &Terms) -> Result<NewWorkspace, StoreError> {
    let mut new = new.clone();
    let workspace = &mut new.workspace;
    if !new.bounds_ttl {
        terms.check_ttl(workspace.ttl_seconds).map_err(StoreError::Unfit)?;
        return Ok(new);
    }
    let bounded = terms.bounded_ttl(workspace.ttl_seconds);
    if bounded != workspace.ttl_seconds {
        workspace.ttl_seconds = bounded;
        tx.execute(SET_TTL, values![workspace.id.0, bounded]).await?;
    }
    Ok(new)
}

fn workspace_row(new: &NewWorkspace) -> Vec<Value> {
    let Workspace { id, owner_id, name, template_id, created_at, updated_at, ttl_seconds, .. } = &new.workspace;
    values![id.0, owner_id.0, name.as_str(), template_id.0, new.request_id, *created_at, *updated_at, *ttl_seconds]
}
