//! Credits: what workspaces take of what there is.

use chatmesh_proto::provisioner::v1::FailJobRequest;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use chatmesh_workspaces::{Config, GroupConfig, QuotaConfig};

use crate::world::{World, as_caller, service};

impl World {
    async fn quota(&self, caller: &Caller) -> pb::Quota {
        let reply = self.workspaces().get_quota(as_caller(caller, pb::GetQuotaRequest {})).await;
        reply.expect("asked").into_inner().quota.expect("a quota")
    }

    async fn push_costly(&self, cost: u32) {
        let admin = Caller::user(UserId(self.uuid()), Role::Admin);
        let request = pb::PushTemplateVersionRequest {
            template: "costly".to_owned(),
            manifest: format!("daily_cost = {cost}"),
            ..pb::PushTemplateVersionRequest::default()
        };
        self.templates().push_template_version(as_caller(&admin, request)).await.expect("pushed");
    }
}

/// L07, G19: the code is set where the cost is taken; the provisioner never sees the build.
#[tokio::test]
async fn a_build_that_is_too_costly_fails_before_a_provisioner_sees_it() {
    let quota = QuotaConfig { credits: Some(5), groups: Vec::new() };
    let world = World::with(Config { quota, ..Config::default() }).await;
    world.push_costly(3).await;
    assert_eq!(world.quota(&world.owner).await, pb::Quota { credits_consumed: 0, budget: Some(5) });
    let first = world.create(&world.owner, "costly", "a", "").await.expect("created");
    assert_eq!(world.run_job("p").await.workspace_id, first.id);
    let found = world.get(&world.owner, &first.id).await.expect("found").latest_build.expect("a build");
    assert_eq!((found.daily_cost, world.quota(&world.owner).await.credits_consumed), (3, 3));

    let second = world.create(&world.owner, "costly", "b", "").await.expect("created");
    let third = world.create(&world.owner, "local", "c", "").await.expect("created");
    let mut changes = world.changes(&second.id).await;
    assert_eq!(world.run_job("p").await.workspace_id, third.id, "it is given the next one");
    assert!(changes.arrived().await, "whoever waits for the other is told");
    let failed = world.get(&world.owner, &second.id).await.expect("found");
    let build = failed.latest_build.expect("a build");
    assert_eq!(failed.status, i32::from(pb::WorkspaceStatus::Failed));
    assert_eq!(build.error_code(), pb::BuildErrorCode::InsufficientQuota);
    assert!(build.error.contains("stop or delete one of them"), "{}", build.error);

    world.stop(&world.owner, &first.id, "").await.expect("a stop is never refused");
    world.run_job("p").await;
    assert_eq!(world.quota(&world.owner).await.credits_consumed, 0);
    world.start(&world.owner, &second.id, "").await.expect("now it fits");
    world.run_job("p").await;
    assert_eq!(world.quota(&world.owner).await, pb::Quota { credits_consumed: 3, budget: Some(5) });
}

/// B.12: a provisioner says that a start left nothing that takes credits, or something that a stop has to remove.
#[tokio::test]
async fn a_start_that_its_provisioner_has_undone_takes_no_credits_and_another_is_stopped() {
    let quota = QuotaConfig { credits: Some(5), groups: Vec::new() };
    let world = World::with(Config { quota, ..Config::default() }).await;
    world.push_costly(5).await;
    for (name, nothing_runs, expected) in [("a", true, 0), ("b", false, 5)] {
        let workspace = world.create(&world.owner, "costly", name, "").await.expect("created");
        let build_id = world.lease("p").await.expect("leased").expect("a job").build_id;
        let error = "the image is not there".to_owned();
        let provisioner_id = "p".to_owned();
        let request = FailJobRequest { provisioner_id, build_id, error, nothing_runs, ..FailJobRequest::default() };
        world.jobs().fail_job(as_caller(&service(), request)).await.expect("failed");
        assert_eq!(world.quota(&world.owner).await.credits_consumed, expected, "{name}");
        let found = world.get(&world.owner, &workspace.id).await.expect("found").latest_build.expect("a build");
        assert_eq!(found.deadline.is_none(), nothing_runs, "{name}");
    }
}

#[tokio::test]
async fn the_budget_of_a_user_is_that_of_their_groups_and_without_any_there_is_no_bound() {
    let world = World::new().await;
    let member = world.owner.require_user().expect("a user").to_string();
    assert_eq!(world.quota(&world.owner).await, pb::Quota::default(), "no bound");
    let group = |name: &str, credits| GroupConfig { name: name.to_owned(), credits, members: vec![member.clone()] };
    let groups = vec![group("research", 4), group("build", 2)];
    let config = Config { quota: QuotaConfig { credits: None, groups }, ..Config::default() };
    let grouped = World::with(config).await;
    assert_eq!(grouped.quota(&world.owner).await.budget, Some(6));
    assert_eq!(grouped.quota(&grouped.owner).await.budget, None, "they are in no group");
}
