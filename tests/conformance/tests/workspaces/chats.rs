//! Workspaces that are made for chats: one each.

use std::collections::HashSet;

use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_workspaces::{
    ForChat, Inserted, NewWorkspace, Outcome, Transition, WorkspaceDetails, WorkspaceId, WorkspaceStore as _,
};
use futures::future::{join, join_all};

use crate::world::{World, worlds};

impl World {
    fn for_chat(&self, name: &str, chat_id: Uuid, replaces: Option<WorkspaceId>) -> NewWorkspace {
        let chat = Some(ForChat { chat_id, replaces });
        NewWorkspace { chat, ..self.new_workspace(name, Some(SystemIds.next())) }
    }

    async fn make_for(&self, new: &NewWorkspace) -> Inserted {
        self.store.insert_workspace(new).await.expect("an answer")
    }
}

fn created(inserted: Inserted) -> WorkspaceDetails {
    match inserted {
        Inserted::Created(details) => details,
        other => panic!("{other:?}"),
    }
}

fn of_chat(inserted: &Inserted) -> Option<WorkspaceId> {
    match inserted {
        Inserted::OfChat(details) => Some(details.workspace.id),
        _ => None,
    }
}

/// L02: whoever comes second is given what the first one made, also where both want the same name.
#[tokio::test]
async fn l02_of_many_that_make_a_workspace_for_a_chat_one_does() {
    for world in worlds().await {
        for same_name in [false, true] {
            let chat = SystemIds.next();
            let name = |number: usize| if same_name { "same".to_owned() } else { format!("w-{number}") };
            let new: Vec<_> = (0..12).map(|number| world.for_chat(&name(number), chat, None)).collect();
            let all = join_all(new.iter().map(|new| world.make_for(new))).await;
            let made: Vec<_> = all.iter().filter(|one| matches!(one, Inserted::Created(_))).collect();
            let found: HashSet<_> = all.iter().filter_map(of_chat).collect();
            assert_eq!((made.len(), found.len()), (1, 1), "{}: {all:?}", world.engine);
            let Inserted::Created(details) = made[0] else { unreachable!() };
            assert!(found.contains(&details.workspace.id), "{}", world.engine);
            assert_eq!(all.iter().filter_map(of_chat).count(), 11, "{}", world.engine);
        }
    }
}

/// L17: whoever makes it again, because the answer was lost, finds it by the request; whoever makes another one finds
/// it by the chat.
#[tokio::test]
async fn l17_what_was_made_before_its_maker_ended_is_found() {
    for world in worlds().await {
        let chat = SystemIds.next();
        let new = world.for_chat("one", chat, None);
        let id = created(world.make_for(&new).await).workspace.id;
        let again = NewWorkspace { workspace: world.new_workspace("other", None).workspace, ..new };
        match world.make_for(&again).await {
            Inserted::Repeated(details) => assert_eq!(details.workspace.id, id, "{}", world.engine),
            other => panic!("{}: {other:?}", world.engine),
        }
        let another = world.make_for(&world.for_chat("two", chat, None)).await;
        assert_eq!(of_chat(&another), Some(id), "{}", world.engine);
        let elsewhere = world.make_for(&world.for_chat("three", SystemIds.next(), None)).await;
        assert!(matches!(elsewhere, Inserted::Created(_)), "{}: another chat", world.engine);
        let names: Vec<_> = world.store.list_workspaces(world.owner.into(), None, 10).await.expect("listed");
        assert_eq!(names.len(), 2, "{}: nothing is left over", world.engine);
    }
}

#[tokio::test]
async fn a_chat_gives_up_the_workspace_that_it_names_and_no_other() {
    for world in worlds().await {
        let chat = SystemIds.next();
        let first = created(world.make_for(&world.for_chat("one", chat, None)).await).workspace.id;
        let second = created(world.make_for(&world.for_chat("two", chat, Some(first))).await).workspace.id;
        let late = world.make_for(&world.for_chat("three", chat, Some(first))).await;
        assert_eq!(of_chat(&late), Some(second), "{}: it is not the chat's any more", world.engine);

        // One that is deleted needs no name.
        let mut carried = HashSet::new();
        while let Some(leased) = world.lease("p", &SystemIds.next().to_string()).await {
            world.end(leased.build.id, "p", Outcome::Succeeded).await.expect("ended");
            carried.insert(leased.workspace.id);
        }
        assert_eq!(carried, HashSet::from([first, second]), "{}", world.engine);
        world.build(second, Transition::Delete).await.expect("a build");
        world.carry_out("delete").await;
        assert!(matches!(world.make_for(&world.for_chat("four", chat, None)).await, Inserted::Created(_)));
    }
}

#[tokio::test]
async fn a_workspace_that_a_chat_gave_up_is_not_found_any_more() {
    for world in worlds().await {
        let (chat, owner) = (SystemIds.next(), world.owner);
        let first = created(world.make_for(&world.for_chat("one", chat, None)).await).workspace.id;
        world.store.release_chat(SystemIds.next().into(), chat, first).await.expect("nothing of theirs");
        let found = world.make_for(&world.for_chat("two", chat, None)).await;
        assert_eq!(of_chat(&found), Some(first), "{}", world.engine);

        world.store.release_chat(owner.into(), chat, first).await.expect("released");
        let second = created(world.make_for(&world.for_chat("two", chat, None)).await).workspace.id;
        world.store.release_chat(owner.into(), chat, first).await.expect("late");
        let found = world.make_for(&world.for_chat("three", chat, Some(first))).await;
        assert_eq!(of_chat(&found), Some(second), "{}", world.engine);
    }
}

/// The name is that of the chat's former workspace, which is being deleted: it is free once that is gone.
#[tokio::test]
async fn the_name_of_a_workspace_that_goes_away_is_about_to_be_free() {
    for world in worlds().await {
        let chat = SystemIds.next();
        let mut former = created(world.make_for(&world.for_chat("same", chat, None)).await).workspace.id;
        for round in 0..10 {
            world.carry_out(&format!("start {round}")).await;
            world.build(former, Transition::Delete).await.expect("a build");
            let next = world.for_chat("same", chat, Some(former));
            let waits = world.make_for(&next).await;
            assert_eq!(waits, Inserted::NameBeingFreed, "{}", world.engine);
            let build = world.lease("p", "unused").await.expect("a build").build.id;
            let (ended, made) = join(world.end(build, "p", Outcome::Succeeded), world.make_for(&next)).await;
            ended.expect("deleted");
            former = match made {
                Inserted::NameBeingFreed => created(world.make_for(&next).await).workspace.id,
                made => created(made).workspace.id,
            };
        }
    }
}

/// Who owns a chat is not known here: a workspace is found by its owner and the chat.
#[tokio::test]
async fn a_workspace_of_a_chat_is_found_by_its_owner_alone() {
    for mut world in worlds().await {
        let chat = SystemIds.next();
        created(world.make_for(&world.for_chat("one", chat, None)).await);
        world.owner = SystemIds.next();
        let other = world.make_for(&world.for_chat("one", chat, None)).await;
        assert!(matches!(other, Inserted::Created(_)), "{}: {other:?}", world.engine);
    }
}
