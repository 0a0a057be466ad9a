//! The rows, by what is wrong with them.

mod administration;
mod builds;
mod callers;
mod changes;
mod chats;
mod files;
mod identifiers;
mod json_bodies;
mod lists;
mod mcp_servers;
mod pages;
mod queue;
mod routes;
mod skills;
mod spend;
mod templates;
mod workspaces;

use crate::case::Case;
use crate::world::World;

/// A well-formed identifier of nothing.
const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// All rows.
pub(crate) fn all(world: &World) -> Vec<Case> {
    [
        callers::all(world),
        chats::all(world),
        changes::all(world),
        queue::all(world),
        files::all(world),
        lists::all(world),
        identifiers::all(world),
        json_bodies::all(world),
        pages::all(world),
        administration::all(world),
        spend::all(world),
        templates::all(world),
        workspaces::all(world),
        mcp_servers::all(world),
        builds::all(world),
        skills::all(world),
        routes::all(world),
    ]
    .into_iter()
    .flatten()
    .collect()
}
