//! Live access to a workspace through the gateway, with the agent's real program, and the commands
//! that stand on it.

mod activity;
mod app;
mod commands;
mod connect;
mod door;
mod git;
mod permission;
mod proxy;
mod terminal;
mod wire;

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};

/// Runs `test` with a workspace of the administrator.
async fn with_workspace(test: impl AsyncFnOnce(&Mesh, &str)) {
    let scripts = vec![Script::new("model").step(Step::text("Yes.")).looped()];
    let test = Mesh::run_with(Mesh::not_isolated(), scripts, async |mesh| {
        let workspace = mesh.admin().workspace("demo").await;
        test(mesh, &format!("/api/v1/workspaces/{workspace}")).await;
    });
    Box::pin(test).await;
}
