//! The skills and settings of a user, as the user sees them.

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::settings_service_server::SettingsService as _;
use chatmesh_proto::chat::v1::skill_service_server::SkillService as _;
use chatmesh_rpc::{Caller, Code, Role, UserId};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::api::Api;
use crate::testing::World;

/// The service as one user calls it.
struct Client<'a> {
    api: &'a Api,
    caller: Caller,
}

impl<'a> Client<'a> {
    fn new(api: &'a Api) -> Self {
        Self { api, caller: Caller::user(UserId(SystemIds.next()), Role::Member) }
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller.clone());
        request
    }

    async fn create(&self, content: &str, request_id: &str) -> Result<pb::Skill, Status> {
        let request = pb::CreateSkillRequest { content: content.to_owned(), request_id: request_id.to_owned() };
        let created = self.api.create_skill(self.request(request)).await?;
        Ok(created.into_inner().skill.expect("a skill"))
    }

    async fn get(&self, skill: &str) -> Result<pb::Skill, Status> {
        let got = self.api.get_skill(self.request(pb::GetSkillRequest { skill: skill.to_owned() })).await?;
        Ok(got.into_inner().skill.expect("a skill"))
    }

    async fn update(&self, skill: &str, content: &str) -> Result<pb::Skill, Status> {
        let request = pb::UpdateSkillRequest { skill: skill.to_owned(), content: content.to_owned() };
        Ok(self.api.update_skill(self.request(request)).await?.into_inner().skill.expect("a skill"))
    }

    async fn delete(&self, skill: &str) -> Result<(), Status> {
        self.api.delete_skill(self.request(pb::DeleteSkillRequest { skill: skill.to_owned() })).await.map(drop)
    }

    async fn list(&self, page_size: i32, page_token: &str) -> (Vec<pb::Skill>, String) {
        let request = pb::ListSkillsRequest { page_size, page_token: page_token.to_owned() };
        let listed = self.api.list_skills(self.request(request)).await.expect("a list").into_inner();
        (listed.skills, listed.next_page_token)
    }

    async fn set(&self, custom_prompt: Option<&str>) -> Result<pb::UserSettings, Status> {
        let request = pb::UpdateUserSettingsRequest { custom_prompt: custom_prompt.map(str::to_owned) };
        let set = self.api.update_user_settings(self.request(request)).await?;
        Ok(set.into_inner().settings.expect("settings"))
    }

    async fn settings(&self) -> pb::UserSettings {
        let got = self.api.get_user_settings(self.request(pb::GetUserSettingsRequest {})).await.expect("settings");
        got.into_inner().settings.expect("settings")
    }
}

fn skill(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: How to {name}.\n---\n{body}")
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.expect_err("refused");
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn is(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

/// The service, and the world that its database lives in.
async fn api() -> (World, Api) {
    let world = World::new().await;
    let state = world.replica().await.state;
    (world, Api::new(state))
}

#[tokio::test]
async fn a_skill_is_kept_read_changed_listed_and_deleted() {
    let (_world, api) = api().await;
    let me = Client::new(&api);
    let made = me.create(&skill("deploy", "Run it."), "").await.expect("created");
    assert_eq!((made.name.as_str(), made.description.as_str()), ("deploy", "How to deploy."));
    assert!(made.create_time.is_some() && made.create_time == made.update_time, "{made:?}");
    assert_eq!(me.get("deploy").await.expect("by name"), made);
    assert_eq!(me.get(&made.id).await.expect("by identifier"), made);

    let renamed = me.update("deploy", &skill("ship", "Ship it.")).await.expect("changed");
    assert_eq!((&renamed.id, renamed.name.as_str(), renamed.create_time), (&made.id, "ship", made.create_time));
    assert_ne!(renamed.update_time, made.update_time);
    assert_eq!(me.get("ship").await.expect("changed"), renamed);
    assert_eq!(refused(me.get("deploy").await), is(Code::NotFound, "SKILL_NOT_FOUND"));

    me.create(&skill("fix", ""), "").await.expect("created");
    let (first, token) = me.list(1, "").await;
    assert_eq!((first[0].name.as_str(), first[0].content.as_str()), ("fix", ""), "lists have no content");
    let (second, end) = me.list(1, &token).await;
    assert_eq!((second[0].name.as_str(), end.as_str()), ("ship", ""));

    me.delete(&made.id).await.expect("deleted");
    assert_eq!(refused(me.delete("ship").await), is(Code::NotFound, "SKILL_NOT_FOUND"));
    assert_eq!(me.list(0, "").await.0.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_skill_is_said() {
    let (_world, api) = api().await;
    let me = Client::new(&api);
    let wrong = me.create("# No frontmatter", "").await.expect_err("refused");
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().contains("`content`") && wrong.message().contains("`---`"), "{}", wrong.message());
    let id = SystemIds.next().to_string();
    let made = me.create(&skill("deploy", "1"), &id).await.expect("created");
    assert_eq!(me.create(&skill("deploy", "2"), &id).await.expect("the first result"), made);
    assert_eq!(refused(me.create(&skill("deploy", ""), "").await), is(Code::AlreadyExists, "SKILL_EXISTS"));
    me.create(&skill("fix", ""), "").await.expect("created");
    assert_eq!(refused(me.update("fix", &skill("deploy", "")).await), is(Code::AlreadyExists, "SKILL_EXISTS"));
    assert_eq!(refused(me.get("Not A Name").await), is(Code::NotFound, "SKILL_NOT_FOUND"));
    for number in 2..100 {
        me.create(&skill(&format!("s{number}"), ""), "").await.expect("there is room");
    }
    assert_eq!(refused(me.create(&skill("late", ""), "").await), is(Code::ResourceExhausted, "TOO_MANY_SKILLS"));
}

/// What belongs to somebody else looks as if it did not exist, to administrators, too.
#[tokio::test]
async fn nobody_sees_or_changes_the_skills_of_somebody_else() {
    let (_world, api) = api().await;
    let me = Client::new(&api);
    let mine = me.create(&skill("deploy", "Mine."), "").await.expect("created");
    let admin = Caller::user(UserId(SystemIds.next()), Role::Admin);
    for stranger in [Client::new(&api), Client { api: &api, caller: admin }] {
        for name in ["deploy", &mine.id] {
            let hidden = is(Code::NotFound, "SKILL_NOT_FOUND");
            assert_eq!(refused(stranger.get(name).await), hidden);
            assert_eq!(refused(stranger.update(name, &skill("deploy", "Theirs.")).await), hidden);
            assert_eq!(refused(stranger.delete(name).await), hidden);
        }
        assert_eq!(stranger.list(0, "").await.0, []);
        stranger.create(&skill("deploy", "Theirs."), "").await.expect("names are each user's own");
    }
    assert_eq!(me.get("deploy").await.expect("untouched"), mine);
    let service = Client { api: &api, caller: Caller::service("tools", None) };
    assert_eq!(refused(service.get("deploy").await).0, Code::PermissionDenied);
}

#[tokio::test]
async fn what_a_user_wants_of_all_chats_is_their_own() {
    let (_world, api) = api().await;
    let (me, other) = (Client::new(&api), Client::new(&api));
    assert_eq!(me.settings().await, pb::UserSettings::default());
    let set = me.set(Some("Answer in verse.")).await.expect("set");
    assert!(set.custom_prompt == "Answer in verse." && set.update_time.is_some(), "{set:?}");
    assert_eq!((me.settings().await, me.set(None).await.expect("nothing to change")), (set.clone(), set));
    assert_eq!(other.settings().await, pb::UserSettings::default());
    for wrong in ["x".repeat(32 * 1024 + 1), "a\0".to_owned()] {
        assert_eq!(refused(me.set(Some(&wrong)).await).0, Code::InvalidArgument);
    }
    assert_eq!(me.set(Some("")).await.expect("cleared").custom_prompt, "");
}
