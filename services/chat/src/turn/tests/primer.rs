//! Tools that come in the middle of a turn.

use std::time::Duration;

use chatmesh_db::{Sql, values};
use chatmesh_proto::tools::v1::WorkspaceContextState as Context;
use chatmesh_proto::tools::v1::WorkspaceToolsState::{Empty, Found, Unknown};

use super::model::Reply;
use super::world::World;
use crate::domain::ChatId;
use crate::machine::Status;
use crate::testing::{breathe, eventually, pass};

/// The names of the tools of servers in each call of the model.
fn outside(world: &World) -> Vec<Vec<String>> {
    let asked = world.model.asked().into_iter();
    let names = |tools: Vec<_>| tools.into_iter().map(|tool: chatmesh_proto::common::v1::ToolDefinition| tool.name);
    asked.map(|request| names(request.tools).filter(|name| name.contains("__")).collect()).collect()
}

/// A turn whose first step lasts until the test lets it go on, and whose workspace is not known yet.
async fn begun(world: &World) -> ChatId {
    world.model.then(Reply::calls("a", &[("wait", "{}")])).then(Reply::calls("b", &[("wait", "{}")]));
    let chat = world.chat("go").await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    chat
}

/// Waits until the turn has what its workspace says now.
async fn heard(world: &World, chat: ChatId, context: &str) {
    let workspace = world.get(chat).await.workspace_id.expect("a workspace");
    let kept = async || world.state.contexts.kept_context(chat, workspace).await.expect("read");
    eventually("it is kept", kept, |kept| kept.as_ref().is_some_and(|kept| kept.context == context)).await;
    // One writes after the other: by then, the turn has gone on from where it kept that.
    world.change(Sql::portable("UPDATE chats SET title = title WHERE id = $1"), values![chat.0]).await;
}

async fn searches(world: &World, expected: (usize, usize)) {
    eventually("the searches", async || world.hands.searches(), |searches| *searches == expected).await;
}

/// G15, C13: tools that were found while a step went on are there in the next one.
#[tokio::test(start_paused = true)]
async fn g15_tools_that_come_in_the_middle_of_a_turn_are_offered_from_the_next_step_on() {
    let world = World::new().await;
    world.hands.says(Context::Found, "use make", "");
    world.hands.serves(Unknown, &[]);
    let chat = begun(&world).await;
    searches(&world, (1, 1)).await;
    let searched = &world.hands.searched()[0];
    assert_eq!((searched.chat_id.as_str(), searched.until_reachable), (chat.to_string().as_str(), false));

    world.hands.serves(Found, &["srv__look"]);
    world.hands.says(Context::Found, "use cargo", "");
    world.hands.finds(Found, true);
    eventually("they are listed", async || world.hands.listed(), |listed| *listed == 2).await;
    searches(&world, (1, 0)).await;
    heard(&world, chat, "use cargo").await;
    world.hands.release("a-0");
    eventually("the next step", async || world.hands.called().len(), |calls| *calls == 2).await;
    assert_eq!(outside(&world), [vec![], vec!["srv__look".to_owned()]]);
    assert!(format!("{:?}", world.model.asked()[1].messages).contains("use cargo"), "as of now");

    world.hands.release("b-0");
    world.ended(chat).await;
    assert_eq!((world.hands.searches(), world.hands.listed()), ((1, 0), 2), "what is known is not searched for");
}

/// No step waits for a search, and no turn fails with one.
#[tokio::test(start_paused = true)]
async fn a_turn_neither_waits_for_a_search_nor_fails_with_it() {
    let world = World::new().await;
    world.hands.serves(Unknown, &[]);
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    // It was on, and ended with the turn, which lasts a moment longer than its last transaction.
    searches(&world, (1, 0)).await;

    world.model.then(Reply::calls("a", &[("wait", "{}")]));
    world.say(chat, "on").await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    world.hands.hide();
    world.hands.finds(Found, true);
    eventually("they are listed", async || world.hands.listed(), |listed| *listed == 3).await;
    world.hands.release("a-0");
    assert_eq!(world.ended(chat).await.status, Status::Waiting, "a list that does not come is done without");
}

/// G15: an empty list ends no search for good; after a rest there is another one.
#[tokio::test(start_paused = true)]
async fn g15_an_empty_result_is_followed_by_another_search() {
    let world = World::new().await;
    world.hands.serves(Empty, &[]);
    let chat = begun(&world).await;
    world.hands.finds(Empty, true);
    searches(&world, (1, 0)).await;
    breathe().await;
    world.hands.finds_nothing_yet();
    world.model.then(Reply::calls("c", &[("wait", "{}")]));
    world.hands.release("a-0");
    eventually("the next step", async || world.hands.called().len(), |calls| *calls == 2).await;
    assert_eq!((world.hands.searches(), world.hands.listed()), ((1, 0), 1), "not at once, and nothing is listed anew");

    pass(Duration::from_secs(61)).await;
    world.hands.release("b-0");
    searches(&world, (2, 1)).await;
    world.hands.release("c-0");
    world.ended(chat).await;
    searches(&world, (2, 0)).await;
}

/// G15: what was found and could not be fetched is there a moment later; the turn does not go without it for long.
#[tokio::test(start_paused = true)]
async fn g15_what_was_found_and_not_fetched_is_looked_for_again_soon() {
    let world = World::new().await;
    world.hands.says(Context::Found, "use make", "");
    world.hands.serves(Unknown, &[]);
    let chat = begun(&world).await;
    searches(&world, (1, 1)).await;
    world.hands.says(Context::Unreachable, "it does not answer", "");
    world.hands.finds(Found, true);
    eventually("they are asked for", async || world.hands.listed(), |listed| *listed == 2).await;
    searches(&world, (1, 0)).await;
    breathe().await;

    world.hands.serves(Found, &["srv__look"]);
    world.hands.says(Context::Found, "use make", "");
    pass(Duration::from_secs(3)).await;
    world.model.then(Reply::calls("c", &[("wait", "{}")]));
    world.hands.release("a-0");
    eventually("they are asked for again", async || world.hands.listed(), |listed| *listed == 3).await;
    breathe().await;
    world.hands.release("b-0");
    eventually("the last step", async || world.hands.called().len(), |calls| *calls == 3).await;
    assert_eq!(outside(&world)[2], ["srv__look"]);
    world.hands.release("c-0");
    world.ended(chat).await;
}

/// G13: instructions that could not be read when the turn began are read when the workspace comes, and its tools are
/// looked for after that.
#[tokio::test(start_paused = true)]
async fn g13_a_workspace_that_comes_in_the_middle_of_a_turn_is_heard() {
    let world = World::new().await;
    world.hands.says(Context::Unreachable, "it is being started", "");
    world.hands.serves(Unknown, &[]);
    let chat = begun(&world).await;
    searches(&world, (1, 1)).await;
    assert!(world.hands.searched()[0].until_reachable);
    world.hands.says(Context::Found, "use make", "- deploy: d");
    world.hands.finds(Unknown, true);
    eventually("it is asked", async || world.hands.listed(), |listed| *listed == 2).await;
    heard(&world, chat, "use make").await;
    world.hands.finds_nothing_yet();
    world.hands.release("a-0");
    eventually("the next step", async || world.hands.called().len(), |calls| *calls == 2).await;
    let told = format!("{:?}", world.model.asked()[1].messages);
    assert!(told.contains("use make") && told.contains("- deploy: d") && !told.contains("being started"), "{told}");
    searches(&world, (2, 1)).await;
    assert!(!world.hands.searched()[1].until_reachable);
    world.hands.release("b-0");
    world.ended(chat).await;
}

/// The tools of a workspace are remembered for a while, its words are not: to have the former is no reason to go
/// without the latter.
#[tokio::test(start_paused = true)]
async fn g13_a_workspace_whose_tools_are_remembered_is_heard_as_well() {
    let world = World::new().await;
    world.hands.says(Context::Unreachable, "it does not answer", "");
    world.hands.serves(Found, &["srv__look"]);
    let chat = begun(&world).await;
    searches(&world, (1, 1)).await;
    assert!(world.hands.searched()[0].until_reachable);
    world.hands.says(Context::Found, "use make", "");
    world.hands.finds(Found, true);
    eventually("it is asked", async || world.hands.listed(), |listed| *listed == 2).await;
    heard(&world, chat, "use make").await;
    world.hands.release("a-0");
    eventually("the next step", async || world.hands.called().len(), |calls| *calls == 2).await;
    assert!(format!("{:?}", world.model.asked()[1].messages).contains("use make"));
    world.hands.release("b-0");
    world.ended(chat).await;
    assert_eq!(world.hands.searches(), (1, 0), "nothing is missing any more");
}

/// C13, cancelled turn; G17: a search ends with its turn, however that ends.
#[tokio::test(start_paused = true)]
async fn g17_a_search_does_not_outlive_its_turn() {
    let world = World::new().await;
    world.hands.serves(Unknown, &[]);
    let chat = begun(&world).await;
    searches(&world, (1, 1)).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    searches(&world, (1, 0)).await;
    world.hands.finds(Found, true);
    pass(Duration::from_secs(90)).await;
    assert_eq!((world.hands.searches(), world.hands.listed()), ((1, 0), 1), "nobody listens to it any more");
}

/// C13, shutdown; G17: a process that ends has ended its searches when it says so.
#[tokio::test(start_paused = true)]
async fn c13_a_process_ends_after_its_searches() {
    let world = World::new().await;
    world.hands.serves(Unknown, &[]);
    let chat = begun(&world).await;
    searches(&world, (1, 1)).await;
    world.state.tasks.shutdown().begin();
    eventually("it is gone", async || world.state.tasks.running(), Vec::is_empty).await;
    assert_eq!(world.state.tasks.crashed(), None);
    assert_eq!(world.hands.searches(), (1, 0));
    assert_eq!(world.get(chat).await.status, Status::Running, "another worker goes on");
}

/// G20: a call of a server's tool is not made twice, because nobody can say whether it did its work: not where the
/// connection broke, and not where its worker ended.
#[tokio::test(start_paused = true)]
async fn g20_a_call_without_a_receipt_is_not_made_again() {
    let world = World::new().await;
    world.hands.serves(Found, &["srv__lose", "srv__wait"]);
    world.model.then(Reply::calls("c", &[("srv__lose", "{}")]));
    let chat = world.chat("go").await;
    world.ended(chat).await;
    let shown = world.shown(chat).await;
    assert!(shown[2].contains("failed") && shown[2].contains("not known"), "{shown:?}");
    assert_eq!(world.hands.called().len(), 1);

    world.model.then(Reply::calls("d", &[("srv__wait", "{}"), ("look", "{}")]));
    world.say(chat, "again").await;
    eventually("they run", async || world.hands.called().len(), |calls| *calls == 3).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    let given_back = world.given_back(chat, lease.runner_id).await;
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let called: Vec<String> = world.hands.called()[3..].iter().map(|call| call.name.clone()).collect();
    assert_eq!(called, ["look"], "what keeps a receipt is made again");
    let shown = world.shown(chat).await;
    assert!(shown.iter().any(|line| line.starts_with("tool: [d-0 failed") && line.contains("not known")), "{shown:#?}");
    other.tasks.shutdown().force();
}
