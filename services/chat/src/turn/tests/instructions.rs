//! The instructions of a prompt, and the skills of the chat's owner.

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Sql, values};
use chatmesh_proto::common::v1::Role;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::tools::v1::WorkspaceContextState::Found;
use chatmesh_proto::tools::v1::WorkspaceToolsState;

use super::model::Reply;
use super::world::{World, config};
use crate::Config;
use crate::domain::ChatId;
use crate::skills::{Skill, SkillId, SkillReference};

impl World {
    /// The owner keeps a skill.
    async fn learns(&self, name: &str) {
        let now = self.state.clock.now();
        let skill = Skill {
            id: SkillId(SystemIds.next()),
            user_id: self.owner,
            name: name.to_owned(),
            description: format!("How to {name}."),
            content: format!("---\nname: {name}\ndescription: How to {name}.\n---\nFirst, {name}."),
            created_at: now,
            updated_at: now,
        };
        self.state.skills.insert_skill(skill, None).await.expect("kept");
    }

    /// The owner wants this of all chats.
    async fn wants(&self, prompt: &str) {
        self.state.prompts.set_custom_prompt(self.owner, prompt, self.state.clock.now()).await.expect("set");
    }

    /// All instructions of the model's last call, a line each.
    fn told(&self) -> Vec<String> {
        let asked = self.model.asked();
        let messages = asked.into_iter().next_back().expect("a call").messages;
        let system = messages.into_iter().filter(|message| message.role() == Role::System);
        let text = |body: Option<Body>| match body {
            Some(Body::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        system.map(|message| text(message.parts.into_iter().next().and_then(|part| part.body))).collect()
    }

    async fn next_turn(&self, chat: ChatId) -> Vec<String> {
        self.say(chat, "go on").await;
        self.ended(chat).await;
        self.told()
    }
}

/// 9.6: what the deployment and the chat said, the workspace, skills, the user; and nothing where there is nothing.
#[tokio::test(start_paused = true)]
async fn instructions_have_an_order() {
    let config = Config { system_prompt: "Be safe.".to_owned(), include_builtin_prompt: false, ..config() };
    let world = World::with(config).await;
    world.learns("deploy").await;
    world.wants("Answer in verse.").await;
    world.hands.says(Found, "use make", "- fix: f");
    let chat = world.chat("go").await;
    world.ended(chat).await;
    let user = "<user-instructions>\nYour user wants this of you in all of their chats.\nAnswer in verse.\n\
                </user-instructions>";
    let skills = "- deploy: How to deploy.\n- fix: f";
    assert_eq!(world.told(), ["Be safe.", "be brief", "use make", skills, user]);

    world.wants("").await;
    world.hands.says(Found, "use make", "");
    world.state.skills.delete_skill(world.owner, &SkillReference::Name("deploy".to_owned())).await.expect("deleted");
    assert_eq!(world.next_turn(chat).await, ["Be safe.", "be brief", "use make"], "from the next turn on");
}

/// 9.1: what a deployment says later is said to later chats.
#[tokio::test(start_paused = true)]
async fn a_chat_keeps_what_the_deployment_said_when_it_was_created() {
    let world = World::with(Config { system_prompt: "Be safe.".to_owned(), ..config() }).await;
    let chat = world.chat("go").await;
    world.ended(chat).await;
    assert!(world.told()[0].ends_with("\n\nBe safe."), "{:?}", world.told());
    const CHANGE: Sql = Sql::portable("UPDATE chat_deployment_prompts SET prompt = 'Be bold.' WHERE chat_id = $1");
    world.change(CHANGE, values![chat.0]).await;
    assert_eq!(world.next_turn(chat).await[0], "Be bold.", "it is what was kept with the chat that counts");
    const FORGET: Sql = Sql::portable("DELETE FROM chat_deployment_prompts WHERE chat_id = $1");
    world.change(FORGET, values![chat.0]).await;
    let told = world.next_turn(chat).await;
    assert!(
        told[0].starts_with("You are an agent") && !told[0].contains("Be safe."),
        "of before it was kept: {told:?}"
    );
}

/// What is said of skills and by the user does not change in the middle of a turn: providers cache it.
#[tokio::test(start_paused = true)]
async fn a_turn_says_the_same_from_its_first_step_to_its_last() {
    let world = World::new().await;
    world.learns("deploy").await;
    world.model.then(Reply::calls("a", &[("wait", "{}")])).then(Reply::text("done"));
    let chat = world.chat("go").await;
    crate::testing::eventually("it waits", async || world.hands.call_ids().len(), |calls| *calls == 1).await;
    let before = world.told();
    world.learns("fix").await;
    world.wants("Answer in verse.").await;
    world.hands.release("a-0");
    world.ended(chat).await;
    assert_eq!(world.model.asked().len(), 2);
    assert_eq!(world.told(), before);
    assert!(world.next_turn(chat).await.join("\n").contains("- fix: How to fix."));
}

/// 9.4: a skill of the owner goes along with the call that names it, in chats without a workspace, too.
#[tokio::test(start_paused = true)]
async fn the_owners_skill_goes_along_with_the_call_that_names_it() {
    let world = World::new().await;
    world.learns("deploy").await;
    world.hands.serves(WorkspaceToolsState::Found, &["read_skill"]);
    let read = |name: &str| format!("{{\"name\":\"{name}\"}}");
    let calls = ["deploy", "personal/deploy", "workspace/deploy", "other"].map(read);
    let calls: Vec<(&str, &str)> = calls.iter().map(|args| ("read_skill", args.as_str())).collect();
    world.model.then(Reply::calls("a", &calls)).then(Reply::text("done"));
    let chat = world.chat_in(None, "go", &[]).await;
    world.ended(chat).await;
    assert!(world.told().contains(&"- deploy: How to deploy.".to_owned()), "{:?}", world.told());
    let mut called = world.hands.called();
    called.sort_by(|one, other| one.call_id.cmp(&other.call_id));
    let bodies: Vec<Option<String>> =
        called.into_iter().map(|call| call.personal_skill.map(|skill| skill.name + ": " + &skill.body)).collect();
    let mine = Some("deploy: First, deploy.".to_owned());
    assert_eq!(bodies, [mine.clone(), mine, None, None]);
}

/// Some providers refuse a request with more than 128 tools, and so every turn of a chat whose client has many.
#[tokio::test(start_paused = true)]
async fn the_model_is_told_how_many_tools_there_is_no_room_for() {
    let world = World::new().await;
    world.hands.says(Found, "use make", "");
    world.hands.serves(WorkspaceToolsState::Found, &["git__log", "git__show", "read_skill"]);
    let names: Vec<String> = (0..119).map(|number| format!("mine_{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let chat = world.chat_with_tools("go", &names).await;
    world.ended(chat).await;
    assert_eq!(world.model.asked()[0].tools.len(), 128);
    let note = "2 further tools of MCP servers are not offered: a model gets 128 at most.";
    assert_eq!(world.told()[2..], ["use make", note]);
}
