//! What the store promises of users' skills and settings, on every engine.

#[path = "support/chats.rs"]
mod chats;

use chatmesh_chat::{MAX_SKILLS, PromptStore as _, Skill, SkillId, SkillKept, SkillReference, SkillStore as _};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_rpc::UserId;
use chats::{World, text, worlds};

impl World {
    fn skill(&self, user_id: UserId, name: &str) -> Skill {
        Skill {
            id: SkillId(SystemIds.next()),
            user_id,
            name: name.to_owned(),
            description: format!("How to {name}; é 🦀"),
            content: format!("---\nname: {name}\n---\n{name}"),
            created_at: self.now,
            updated_at: self.now,
        }
    }

    async fn keep(&self, skill: &Skill) -> SkillKept {
        self.store.insert_skill(skill.clone(), None).await.expect("asked")
    }

    async fn find(&self, user: UserId, name: &str) -> Option<Skill> {
        self.store.find_skill(user, &SkillReference::Name(name.to_owned())).await.expect("read")
    }

    async fn names(&self, user: UserId, after: Option<&str>, limit: u32) -> Vec<String> {
        let listed = self.store.list_skills(user, after, limit).await.expect("listed");
        assert!(listed.iter().all(|skill| skill.content.is_empty()), "{}: lists have no content", self.engine);
        listed.into_iter().map(|skill| skill.name).collect()
    }
}

#[tokio::test]
async fn a_skill_comes_back_as_it_was_to_its_user_alone() {
    for world in worlds().await {
        let (engine, owner, other) = (world.engine, world.owner, UserId(SystemIds.next()));
        let skill = world.skill(owner, "deploy");
        assert_eq!(world.keep(&skill).await, SkillKept::Kept(skill.clone()), "{engine}");
        assert_eq!(world.find(owner, "deploy").await.as_ref(), Some(&skill), "{engine}");
        let by_id = SkillReference::Id(skill.id);
        assert_eq!(world.store.find_skill(owner, &by_id).await.expect("read"), Some(skill.clone()), "{engine}");
        assert_eq!(world.store.find_skill(other, &by_id).await.expect("read"), None, "{engine}");
        assert_eq!(world.find(other, "deploy").await, None, "{engine}");
        assert!(!world.store.delete_skill(other, &by_id).await.expect("asked"), "{engine}");
        let theirs = Skill { user_id: other, ..skill.clone() };
        assert_eq!(world.store.update_skill(&theirs).await.expect("asked"), SkillKept::Missing, "{engine}");
        assert_eq!(world.find(owner, "deploy").await, Some(skill), "{engine}: untouched");
        assert!(world.store.delete_skill(owner, &by_id).await.expect("asked"), "{engine}");
        assert_eq!(world.find(owner, "deploy").await, None, "{engine}");
    }
}

#[tokio::test]
async fn a_name_is_one_skills_of_a_user_and_a_request_is_carried_out_once() {
    for mut world in worlds().await {
        let (engine, owner) = (world.engine, world.owner);
        let (deploy, request) = (world.skill(owner, "deploy"), Some(SystemIds.next()));
        world.store.insert_skill(deploy.clone(), request).await.expect("kept");
        let again = world.store.insert_skill(world.skill(owner, "other"), request).await.expect("asked");
        assert_eq!(again, SkillKept::Repeated(deploy.clone()), "{engine}");
        assert_eq!(world.keep(&world.skill(owner, "deploy")).await, SkillKept::NameTaken, "{engine}");
        let other = UserId(SystemIds.next());
        let elsewhere = world.store.insert_skill(world.skill(other, "deploy"), request).await.expect("asked");
        assert!(matches!(elsewhere, SkillKept::Kept(_)), "{engine}: another user's");

        let fix = world.skill(owner, "fix");
        world.keep(&fix).await;
        world.tick();
        let taken = Skill { name: "deploy".to_owned(), ..fix.clone() };
        assert_eq!(world.store.update_skill(&taken).await.expect("asked"), SkillKept::NameTaken, "{engine}");
        let content = "changed".to_owned();
        let changed = Skill { name: "mend".to_owned(), content, updated_at: world.now, ..fix };
        assert_eq!(world.store.update_skill(&changed).await.expect("asked"), SkillKept::Kept(changed.clone()));
        assert_eq!(world.find(owner, "mend").await, Some(changed), "{engine}");
        assert_eq!(world.find(owner, "fix").await, None, "{engine}");
    }
}

#[tokio::test]
async fn skills_are_listed_by_the_bytes_of_their_names() {
    for world in worlds().await {
        let (engine, owner) = (world.engine, world.owner);
        for name in ["b", "a-b", "ab", "a", "a-a", "2fa"] {
            world.keep(&world.skill(owner, name)).await;
        }
        let all = ["2fa", "a", "a-a", "a-b", "ab", "b"];
        assert_eq!(world.names(owner, None, 10).await, all, "{engine}");
        assert_eq!(world.names(owner, None, 2).await, all[..2], "{engine}");
        assert_eq!(world.names(owner, Some("a"), 3).await, all[2..5], "{engine}");
        assert_eq!(world.names(owner, Some("b"), 3).await, [""; 0], "{engine}");
        let summaries = world.store.skill_summaries(owner).await.expect("read");
        assert_eq!(summaries.iter().map(|summary| summary.name.as_str()).collect::<Vec<_>>(), all, "{engine}");
        assert_eq!(summaries[0].description, "How to 2fa; é 🦀", "{engine}");
    }
}

/// However many are kept at the same time.
#[tokio::test]
async fn a_user_never_has_more_skills_than_may_be() {
    for world in worlds().await {
        let keep = async |number: u32| world.keep(&world.skill(world.owner, &format!("s{number}"))).await;
        let kept = futures::future::join_all((0..MAX_SKILLS + 8).map(keep)).await;
        let full = kept.iter().filter(|kept| **kept == SkillKept::Full).count();
        let kept = world.names(world.owner, None, 1000).await.len();
        assert_eq!((kept, full), (MAX_SKILLS as usize, 8), "{}", world.engine);
        let another = world.skill(UserId(SystemIds.next()), "s0");
        assert!(matches!(world.keep(&another).await, SkillKept::Kept(_)), "{}: another user's", world.engine);
    }
}

#[tokio::test]
async fn settings_are_each_users_own_and_last_as_they_were_set() {
    for mut world in worlds().await {
        let (engine, owner, store) = (world.engine, world.owner, world.store.clone());
        world.keep(&world.skill(owner, "deploy")).await;
        let settings = async |user| store.user_settings(user).await.expect("read");
        assert_eq!(settings(owner).await.updated_at, None, "{engine}: to have a skill sets nothing");
        let set = store.set_custom_prompt(owner, "verse; é", world.now).await.expect("set");
        assert_eq!((settings(owner).await, set.updated_at), (set.clone(), Some(world.now)), "{engine}");
        world.tick();
        store.set_custom_prompt(owner, "", world.now).await.expect("set");
        let cleared = settings(owner).await;
        assert_eq!((cleared.custom_prompt.as_str(), cleared.updated_at), ("", Some(world.now)), "{engine}");
        assert_eq!(settings(UserId(SystemIds.next())).await.updated_at, None, "{engine}");
    }
}

#[tokio::test]
async fn what_the_deployment_said_is_kept_with_each_chat() {
    for world in worlds().await {
        let told = async |chat| world.store.deployment_prompt(chat).await.expect("read");
        let mut new = world.new_chat("a chat", text("hello"));
        new.deployment_prompt = "Be safe; é".to_owned();
        let chat = world.insert(new).await;
        assert_eq!(told(chat.id).await.as_deref(), Some("Be safe; é"), "{}", world.engine);
        let chat = world.idle("another").await;
        assert_eq!(told(chat.id).await.as_deref(), Some(""), "{}: to say nothing counts", world.engine);
        assert_eq!(told(chatmesh_chat::ChatId(SystemIds.next())).await, None, "{}", world.engine);
    }
}
