use chatmesh_proto::agent::v1::context_service_server::ContextService as _;
use chatmesh_rpc::metadata;
use tempfile::TempDir;
use tonic::{Code, Request, Status};

use super::*;
use crate::context::ContextApi;

/// A workspace with a working directory, and another directory with instructions and a skill.
struct World {
    dir: TempDir,
    settings: Settings,
    additions: Additions,
    api: ContextApi,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("root");
        let write = |name: &str, content: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
            std::fs::write(path, content).expect("file");
        };
        write("work/AGENTS.md", "of the work");
        write("work/.agents/skills/fix/SKILL.md", "---\nname: fix\ndescription: How to fix.\n---\nof the work");
        write("lib/AGENTS.md", "of the library");
        write("lib/.agents/skills/port/SKILL.md", "---\nname: port\ndescription: How to port.\n---\nPort it.");
        write("empty/readme", "");
        let settings = Settings::new(&[("HOME".into(), root.join("home").into())], root.join("work"));
        let additions = Additions::open(&root);
        let api = ContextApi::new(settings.clone(), additions.clone());
        Self { dir, settings, additions, api }
    }

    /// The agent after a restart.
    fn restarted(self) -> Self {
        let additions = Additions::open(self.dir.path());
        let api = ContextApi::new(self.settings.clone(), additions.clone());
        Self { additions, api, ..self }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("root").join(name)
    }

    fn add(&self, chat: &str, name: &str) -> Result<pb::AddContextResponse, Status> {
        Ok(self.additions.add(&self.settings, chat, &self.path(name))?)
    }

    /// What the next turn of a chat is told: instructions and names of skills.
    async fn turn(&self, chat: &str) -> (Vec<String>, Vec<String>) {
        let context = self.api.get_context(of(chat, pb::GetContextRequest {})).await.expect("context").into_inner();
        assert_eq!(context.warnings, [""; 0], "{chat}");
        let files = context.instruction_files.into_iter().map(|file| file.content).collect();
        (files, context.skills.into_iter().map(|skill| skill.name).collect())
    }

    async fn read(&self, chat: &str, skill: &str) -> Result<String, Code> {
        let request = of(chat, pb::ReadSkillRequest { name: skill.to_owned() });
        self.api.read_skill(request).await.map(|read| read.into_inner().body).map_err(|status| status.code())
    }
}

fn of<M>(chat: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(metadata::CHAT_ID, chat.parse().expect("a value"));
    request
}

fn refused<T: std::fmt::Debug>(result: Result<T, impl Into<Status>>) -> (Code, String) {
    let refusal = result.map_err(Into::into).expect_err("refused");
    (refusal.code(), refusal.message().to_owned())
}

fn told(files: &[&str], skills: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    (owned(files), owned(skills))
}

/// G14: what was added is read anew for every turn, of that chat alone, until it is taken away.
#[tokio::test]
async fn g14_an_added_directory_is_of_its_chats_turns_until_it_is_cleared() {
    let world = World::new();
    for chat in ["a", "b"] {
        assert_eq!(world.turn(chat).await, told(&["of the work"], &["fix"]));
    }
    let added = world.add("a", "lib").expect("added");
    assert_eq!((added.chat_id.as_str(), added.skills.as_slice()), ("a", &["port".to_owned()][..]));
    assert_eq!(added.instruction_files, [world.path("lib/AGENTS.md").display().to_string()]);
    assert_eq!(world.turn("a").await, told(&["of the work", "of the library"], &["fix", "port"]));
    assert_eq!(world.read("a", "port").await.as_deref(), Ok("Port it."));
    assert_eq!(world.turn("b").await, told(&["of the work"], &["fix"]), "another chat of the workspace");
    assert_eq!(world.read("b", "port").await, Err(Code::NotFound));

    std::fs::write(world.path("lib/AGENTS.md"), "by now").expect("written");
    world.add("a", "lib").expect("added again, which changes nothing");
    world.add("a", "work").expect("the working directory, which is told anyway");
    assert_eq!(world.turn("a").await, told(&["of the work", "by now"], &["fix", "port"]));

    let world = world.restarted();
    assert_eq!(world.turn("a").await.0.len(), 2, "it outlives the agent");
    let cleared = world.additions.clear("a").expect("cleared");
    assert_eq!(cleared.directories.len(), 2, "{cleared:?}");
    assert_eq!(world.turn("a").await, told(&["of the work"], &["fix"]));
    assert_eq!(world.additions.clear("a").expect("nothing to clear").directories, [""; 0]);
    let world = world.restarted();
    assert_eq!(world.turn("a").await, told(&["of the work"], &["fix"]));
}

/// Sub-agents are told what the chats are told that they come from.
#[tokio::test]
async fn a_chat_is_told_what_was_added_to_those_that_it_descends_from() {
    let world = World::new();
    world.turn("parent").await;
    world.add("parent", "lib").expect("added");
    let mut request = of("child", pb::GetContextRequest {});
    request.metadata_mut().insert(metadata::ANCESTOR_CHAT_IDS, "root,parent".parse().expect("a value"));
    let context = world.api.get_context(request).await.expect("context").into_inner();
    assert_eq!(context.instruction_files.len(), 2);
}

/// Only chats that work in this very workspace can be changed.
#[tokio::test]
async fn a_chat_that_never_worked_here_is_refused() {
    let world = World::new();
    world.turn("a").await;
    let (code, message) = refused(world.add("stranger", "lib"));
    assert_eq!(code, Code::PermissionDenied);
    assert!(message.contains("`stranger` has not worked in this workspace"), "{message}");
    assert_eq!(refused(world.additions.clear("stranger")).0, Code::PermissionDenied);
    let world = world.restarted();
    world.add("a", "lib").expect("a chat is known beyond the life of an agent");
}

#[tokio::test(start_paused = true)]
async fn without_a_name_the_only_chat_at_work_is_meant() {
    let world = World::new();
    assert_eq!(refused(world.add("", "lib")).0, Code::FailedPrecondition);
    world.additions.of(Some(&ChatId::for_test("a")), &[]);
    assert_eq!(world.add("", "lib").expect("the only one").chat_id, "a");
    world.additions.of(Some(&ChatId::for_test("b")), &[]);
    let (code, message) = refused(world.additions.clear(""));
    assert_eq!(code, Code::FailedPrecondition);
    assert!(message.ends_with("--chat: a, b"), "{message}");
    tokio::time::advance(AT_WORK_FOR).await;
    assert_eq!(refused(world.add("", "lib")).0, Code::FailedPrecondition, "both are of yesterday");
    world.additions.of(Some(&ChatId::for_test("b")), &[]);
    assert_eq!(world.add("", "lib").expect("the only one today").chat_id, "b");
}

#[test]
fn what_cannot_be_added_is_said_to_be_so() {
    let world = World::new();
    world.additions.of(Some(&ChatId::for_test("a")), &[]);
    let (code, message) = refused(world.add("a", "empty"));
    assert_eq!(code, Code::FailedPrecondition);
    assert!(message.contains("empty` has neither a file `AGENTS.md` nor skills"), "{message}");
    assert_eq!(refused(world.add("a", "missing")).0, Code::NotFound);
    let relative = world.additions.add(&world.settings, "a", Path::new("lib"));
    assert_eq!(refused(relative).0, Code::InvalidArgument);
    for number in 0..=MAX_DIRECTORIES {
        let name = format!("d{number}");
        std::fs::create_dir(world.path(&name)).expect("dir");
        std::fs::write(world.path(&name).join("AGENTS.md"), "x").expect("file");
        match number {
            MAX_DIRECTORIES => assert_eq!(refused(world.add("a", &name)).0, Code::ResourceExhausted),
            _ => drop(world.add("a", &name).expect("there is room")),
        }
    }
}

/// Whoever wrote the files of a directory does not decide which other file of this machine a model reads.
#[test]
fn an_added_directory_leads_nowhere_else() {
    let world = World::new();
    world.additions.of(Some(&ChatId::for_test("a")), &[]);
    let write = |name: &str| {
        std::fs::create_dir_all(world.path(name).parent().expect("parent")).expect("dir");
        std::fs::write(world.path(name), "a secret").expect("file");
    };
    write("home/.netrc");
    write("home/cloned/readme");
    write("work/part/readme");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(world.path(to), world.path(name)).expect("link");
    link("home/.netrc", "empty/AGENTS.md");
    link("home/.netrc", "home/cloned/AGENTS.md");
    link("work/AGENTS.md", "work/part/AGENTS.md");
    let at_home = Settings::new(&[("HOME".into(), world.path("home").into())], world.path("home"));
    for (settings, directory) in [(&world.settings, "empty"), (&at_home, "home/cloned")] {
        let (code, message) = refused(world.additions.add(settings, "a", &world.path(directory)));
        assert!(code == Code::FailedPrecondition && message.contains("leads out"), "{directory}: {message}");
    }
    let added = world.add("a", "work/part").expect("what is in the working directory is of one hand");
    assert_eq!(added.instruction_files, [world.path("work/part/AGENTS.md").display().to_string()]);
}

#[test]
fn what_was_added_outlasts_chats_that_nothing_was_added_to() {
    let world = World::new();
    let ask = |chat: &str| world.additions.of(Some(&ChatId::for_test(chat)), &[]);
    ask("first");
    world.add("first", "lib").expect("added");
    for number in 0..2 * MAX_CHATS {
        ask(&number.to_string());
    }
    assert_eq!(ask("first"), [world.path("lib")]);
    assert_eq!(refused(world.add("0", "lib")).0, Code::PermissionDenied, "that many are not known");
}

#[test]
fn the_chats_that_asked_last_are_known() {
    let world = World::new();
    for number in 0..=MAX_CHATS {
        world.additions.of(Some(&ChatId::for_test(&number.to_string())), &[]);
    }
    assert_eq!(refused(world.add("0", "lib")).0, Code::PermissionDenied);
    world.add("1", "lib").expect("known");
    assert!(world.additions.of(None, &[]).is_empty(), "callers without a chat");
}
