//! What an older release does where a newer one has written what it can not read.

use std::time::Duration;

use chatmesh_db::{Sql, values};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_workspaces::PREBUILD_OWNER;

use crate::world::{World, as_caller};

const NEWER_REASON: Sql = Sql::portable("UPDATE builds SET reason = 'newer' WHERE id = $1");

/// One workspace that can not be read holds up neither those that are due after it, nor the pools.
#[tokio::test]
async fn what_is_due_is_done_beside_a_workspace_that_can_not_be_read() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["unreadable", "due"] {
        let id = world.create(&world.owner, "local", name, "").await.expect("created").id;
        let build = world.run_job("p").await.build_id;
        let request = pb::UpdateWorkspaceRequest { workspace_id: id.clone(), ttl_seconds: Some(60) };
        world.workspaces().update_workspace(as_caller(&world.owner, request)).await.expect("changed");
        ids.push((id, build));
        world.clock.advance(Duration::from_secs(1));
    }
    let build = ids[0].1.parse::<chatmesh_core::Uuid>().expect("an identifier");
    assert_eq!(world.database.db.execute(NEWER_REASON, values![build]).await.expect("changed"), 1);
    world.push_pooled().await;
    world.clock.advance(Duration::from_secs(120));
    world.start_upkeep();
    let stop = world.lease("p").await.expect("asked").expect("the other one is stopped");
    assert_eq!(stop.workspace_id, ids[1].0);
    let pooled = world.lease("p").await.expect("asked").expect("the pool is filled");
    assert_eq!(pooled.owner_id, PREBUILD_OWNER.to_string());
}

const NEWER_VERSION: Sql =
    Sql::portable("UPDATE template_versions SET manifest = '{\"newer\":1,\"presets\":[{\"prebuilds\":1}]}'");

/// A newer release, which runs beside this one, fills the pool of a version that this one can not read: what is in it is
/// not superfluous.
#[tokio::test]
async fn what_was_made_for_a_version_that_can_not_be_read_is_left_alone() {
    let world = World::new().await;
    world.push_pooled().await;
    world.start_upkeep();
    for _ in 0..2 {
        assert_eq!(world.run_job("p").await.template, "go");
    }
    assert!(world.database.db.execute(NEWER_VERSION, Vec::new()).await.expect("changed") >= 1);
    world.push_pooled_as("rust").await;
    world.clock.advance(Duration::from_secs(600));
    // Whatever is deleted is asked for before anything is made.
    let next = world.lease("p").await.expect("asked").expect("the other pool is filled");
    assert_eq!(next.template, "rust");
}
