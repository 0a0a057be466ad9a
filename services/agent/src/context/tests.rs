use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::context_service_server::ContextService as _;
use chatmesh_rpc::Code;
use prost::Message as _;
use tempfile::TempDir;
use tonic::{Request, Status};

use super::error::Error;
use super::settings::Settings;
use super::{Additions, ContextApi, api, skill_files, skills};

struct Fixture {
    dir: TempDir,
    settings: Settings,
}

impl Fixture {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("root");
        let home = [("HOME", root.join("home").into_os_string())];
        let environment = environment.iter().map(|(name, value)| (*name, (*value).into()));
        let environment: Vec<_> =
            home.into_iter().chain(environment).map(|(name, value)| (name.into(), value)).collect();
        std::fs::create_dir_all(root.join("work")).expect("dir");
        Self { settings: Settings::new(&environment, root.join("work")), dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("root").join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
        std::fs::write(&path, content).expect("file");
        path
    }

    fn skill(&self, name: &str, body: &str) {
        self.write(&meta(name), format!("---\nname: {name}\ndescription: About {name}.\n---\n{body}"));
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
        symlink(target, path).expect("link");
    }

    fn context(&self) -> pb::GetContextResponse {
        api::context(&self.settings)
    }

    fn instructions(&self) -> Vec<String> {
        self.context().instruction_files.into_iter().map(|file| file.content).collect()
    }

    fn read(&self, name: &str, path: &str) -> Result<pb::ReadSkillFileResponse, Error> {
        skill_files::read(&skills::find(&self.settings, name)?, path)
    }
}

fn meta(name: &str) -> String {
    format!("work/.agents/skills/{name}/SKILL.md")
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    Status::from(result.expect_err("an error")).code()
}

#[test]
fn an_empty_workspace_has_an_empty_context() {
    let fixture = Fixture::new();
    let context = fixture.context();
    assert_eq!(Path::new(&context.working_dir), fixture.path("work"));
    assert_eq!(Path::new(&context.home_dir), fixture.path("home"));
    assert_eq!(context.os, std::env::consts::OS);
    assert!(context.instruction_files.is_empty() && context.skills.is_empty() && context.warnings.is_empty());
}

#[test]
fn instructions_of_home_come_before_those_of_the_working_directory() {
    let fixture = Fixture::new();
    let work = fixture.write("work/AGENTS.md", "of the\r\nwork<!-- hidden -->");
    let home = fixture.write("home/.chatmesh/AGENTS.md", b"of home \xff");
    let files = fixture.context().instruction_files;
    assert_eq!(files.iter().map(|file| PathBuf::from(&file.path)).collect::<Vec<_>>(), [home, work]);
    assert_eq!(fixture.instructions(), ["of home \u{FFFD}", "of the\nwork"]);
}

#[test]
fn a_file_that_is_found_twice_is_read_once() {
    let dirs = ("CHATMESH_AGENT_INSTRUCTIONS_DIRS", "., ../work/../work, linked, other");
    let fixture = Fixture::with(&[dirs]);
    fixture.write("work/AGENTS.md", "work");
    fixture.link(fixture.path("work"), "work/linked");
    fixture.link(fixture.path("work/AGENTS.md"), "work/other/AGENTS.md");
    assert_eq!(fixture.instructions(), ["work"]);
    std::fs::remove_file(fixture.path("work/other/AGENTS.md")).expect("removed");
    fixture.write("work/other/AGENTS.md", "other");
    assert_eq!(fixture.instructions(), ["work", "other"]);
}

#[test]
fn a_long_file_is_cut_at_64_kib_and_marked() {
    let fixture = Fixture::new();
    for (length, truncated) in [(65_536, false), (65_537, true), (1 << 20, true)] {
        fixture.write("work/AGENTS.md", "x".repeat(length));
        let file = fixture.context().instruction_files.remove(0);
        assert_eq!((file.content.len(), file.truncated), (65_536.min(length), truncated));
    }
    fixture.write("work/AGENTS.md", format!("{}<!-- {} -->end", "x".repeat(65_000), "secret ".repeat(200)));
    assert_eq!(fixture.instructions(), ["x".repeat(65_000)], "a comment over the cap stays hidden");
}

#[test]
fn what_can_not_be_read_is_a_warning() {
    let fixture = Fixture::with(&[("CHATMESH_AGENT_INSTRUCTIONS_DIRS", "a,b")]);
    std::fs::create_dir_all(fixture.path("work/a/AGENTS.md")).expect("dir");
    fixture.link("/proc/self/environ", "work/b/AGENTS.md");
    fixture.link("missing", "work/AGENTS.md");
    let context = fixture.context();
    assert!(context.instruction_files.is_empty());
    assert_eq!(context.warnings.len(), 2, "{:?}", context.warnings);
    assert!(context.warnings[0].contains("not a regular file"), "{:?}", context.warnings);
    assert!(context.warnings[1].contains("leads out"), "{:?}", context.warnings);
}

/// G14: nothing is remembered, so the turn after an edit sees it.
#[tokio::test]
async fn g14_an_edit_is_seen_by_the_next_call() {
    let fixture = Fixture::new();
    let api = ContextApi::new(fixture.settings.clone(), Additions::open(fixture.dir.path()));
    let context = async || api.get_context(Request::new(pb::GetContextRequest {})).await.expect("context").into_inner();
    let skill = async || {
        let request = Request::new(pb::ReadSkillRequest { name: "deploy".to_owned() });
        api.read_skill(request).await.map(|response| response.into_inner().body)
    };
    assert!(context().await.skills.is_empty());
    assert_eq!(skill().await.expect_err("not yet").code(), Code::NotFound);
    for edition in ["first", "second"] {
        fixture.write("work/AGENTS.md", edition);
        fixture.skill("deploy", edition);
        assert_eq!(context().await.instruction_files[0].content, edition);
        assert_eq!(context().await.skills[0].description, "About deploy.");
        assert_eq!(skill().await.expect("there"), edition);
    }
    std::fs::remove_file(fixture.path("work/AGENTS.md")).expect("removed");
    assert!(context().await.instruction_files.is_empty());
}

/// A repository that was cloned from anywhere may have any link in the place of its instructions.
#[test]
fn instructions_of_the_working_directory_never_lead_out_of_it() {
    let dirs = ("CHATMESH_AGENT_INSTRUCTIONS_DIRS", "docs, linked, ./sub/../sub2, ../shared, ~/.chatmesh");
    let fixture = Fixture::with(&[dirs]);
    let secret = fixture.write("home/.ssh/id_rsa", "secret");
    let other = fixture.write("other/AGENTS.md", "secret");
    fixture.link("../home/.ssh/id_rsa", "work/AGENTS.md");
    fixture.link(&secret, "work/docs/AGENTS.md");
    fixture.link(other.parent().expect("a directory"), "work/linked");
    fixture.link(&secret, "work/sub2/AGENTS.md");
    fixture.link(&other, "shared/AGENTS.md");
    fixture.write("work/sub/keep", "");
    let context = fixture.context();
    assert_eq!(fixture.instructions(), Vec::<String>::new());
    let left_out = |name: &str| {
        let path = fixture.path("work").join(name).display().to_string();
        context.warnings.iter().any(|warning| warning.contains(&path) && warning.contains("leads out"))
    };
    assert_eq!(context.warnings.len(), 5, "{:?}", context.warnings);
    for name in ["AGENTS.md", "docs/AGENTS.md", "linked/AGENTS.md", "../shared/AGENTS.md"] {
        assert!(left_out(name), "{name}: {:?}", context.warnings);
    }
    assert!(context.warnings.iter().all(|warning| !warning.contains("secret")));
}

/// Links within a directory, and those that people set in their own homes, are what they always were.
#[test]
fn links_that_stay_where_their_owner_put_them_are_followed() {
    let fixture = Fixture::with(&[("CHATMESH_AGENT_INSTRUCTIONS_DIRS", "sub,~/.chatmesh")]);
    fixture.write("work/docs/guide.md", "of the work");
    fixture.link("docs/guide.md", "work/AGENTS.md");
    fixture.write("home/dotfiles/agents.md", "of home");
    fixture.link("../dotfiles/agents.md", "home/.chatmesh/AGENTS.md");
    assert_eq!(fixture.instructions(), ["of home", "of the work"]);
    assert!(fixture.context().warnings.is_empty(), "{:?}", fixture.context().warnings);
    fixture.link(fixture.path("home/dotfiles/agents.md"), "work/sub/AGENTS.md");
    assert_eq!(fixture.instructions(), ["of home", "of the work"], "a link takes nothing away");
}

#[test]
fn good_skills_are_listed_and_bad_ones_are_warnings() {
    let fixture = Fixture::new();
    fixture.skill("deploy", "");
    fixture.skill("a-first", "");
    fixture.write(&meta("Upper"), "---\nname: Upper\ndescription: d\n---\n");
    fixture.write(&meta("other"), "---\nname: another\ndescription: d\n---\n");
    fixture.write(&meta("nameless"), "---\ndescription: d\n---\n");
    fixture.write(&meta("silent"), "---\nname: silent\n---\n");
    fixture.write(&meta("broken"), "---\nname: a: b\n---\n");
    fixture.write(&meta("plain"), "# Plain\n");
    fixture.write("work/outside.md", "---\nname: escape\ndescription: d\n---\n");
    fixture.link("../../../outside.md", &meta("escape"));
    fixture.write("work/.agents/skills/no-meta/README.md", "");
    fixture.write(&meta(".hidden"), "");
    fixture.write("work/.agents/skills/file", "");
    let context = fixture.context();
    assert_eq!(context.skills.iter().map(|skill| skill.name.as_str()).collect::<Vec<_>>(), ["a-first", "deploy"]);
    assert_eq!(context.skills[1].description, "About deploy.");
    assert_eq!(Path::new(&context.skills[1].dir), fixture.path("work/.agents/skills/deploy"));
    assert_eq!(context.skills[1].meta_file, "SKILL.md");
    let warnings = context.warnings.join("\n");
    for (name, problem) in [
        ("Upper", "lowercase words"),
        ("other", "differs from that of its directory"),
        ("nameless", "no `name`"),
        ("silent", "no `description`"),
        ("broken", "not valid YAML: line 2"),
        ("plain", "no frontmatter"),
        ("escape", "leads out of its directory"),
    ] {
        assert!(
            warnings.lines().any(|line| line.contains(&format!("{name}`")) && line.contains(problem)),
            "{warnings}"
        );
    }
    assert_eq!(context.warnings.len(), 7, "{warnings}");
    assert_eq!(code(api::read_skill(&fixture.settings, "silent")), Code::FailedPrecondition);
    assert_eq!(code(api::read_skill(&fixture.settings, "missing")), Code::NotFound);
    assert_eq!(code(api::read_skill(&fixture.settings, "../deploy")), Code::InvalidArgument);
}

#[test]
fn the_first_skill_of_a_name_counts() {
    let dirs = ("CHATMESH_AGENT_SKILLS_DIRS", ".agents/skills,more");
    let fixture = Fixture::with(&[dirs]);
    fixture.skill("deploy", "first");
    fixture.write("work/more/deploy/SKILL.md", "---\nname: deploy\ndescription: d\n---\nsecond");
    fixture.write("work/more/test/SKILL.md", "---\nname: test\ndescription: d\n---\n");
    let context = fixture.context();
    assert_eq!(context.skills.iter().map(|skill| skill.name.as_str()).collect::<Vec<_>>(), ["deploy", "test"]);
    assert!(context.warnings[0].contains("another `deploy` before it"), "{:?}", context.warnings);
    assert_eq!(api::read_skill(&fixture.settings, "deploy").expect("skill").body, "first");
}

#[test]
fn a_skill_is_read_with_its_files() {
    let fixture = Fixture::new();
    fixture.skill("deploy", "\n# Deploy\r\n<!-- kept -->\n");
    for file in ["scripts/run.sh", "scripts/lib/a.py", "notes.md", ".env", "scripts/.cache/x"] {
        fixture.write(&format!("work/.agents/skills/deploy/{file}"), file);
    }
    fixture.link("scripts", "work/.agents/skills/deploy/linked");
    let read = api::read_skill(&fixture.settings, "deploy").expect("skill");
    assert_eq!(read.body, "\n# Deploy\n<!-- kept -->\n");
    assert!(!read.truncated && !read.files_truncated);
    assert_eq!(read.files, ["linked", "notes.md", "scripts/", "scripts/lib/", "scripts/lib/a.py", "scripts/run.sh"]);
    for file in read.files.iter().filter(|file| !file.ends_with('/') && *file != "linked") {
        assert_eq!(fixture.read("deploy", file).expect("file").content, file.as_bytes());
    }
    assert_eq!(fixture.read("deploy", "linked/run.sh").expect("file").content, b"scripts/run.sh"[..]);
}

#[test]
fn long_skills_and_many_files_are_cut_and_marked() {
    let fixture = Fixture::new();
    fixture.skill("deploy", &"x".repeat(70_000));
    for file in 0..600 {
        fixture.write(&format!("work/.agents/skills/deploy/{file:03}"), "");
    }
    let read = api::read_skill(&fixture.settings, "deploy").expect("skill");
    assert!(read.truncated && read.files_truncated);
    assert!(read.body.len() < 65_536 && read.files.len() == 500);
    for (length, truncated) in [(524_288_usize, false), (524_289, true)] {
        fixture.write("work/.agents/skills/deploy/large", vec![b'x'; length]);
        let file = fixture.read("deploy", "large").expect("file");
        assert_eq!((file.content.len(), file.truncated), (524_288, truncated));
        assert_eq!(file.size_bytes, length as u64);
    }
}

#[test]
fn no_path_leads_out_of_a_skill() {
    let fixture = Fixture::new();
    fixture.skill("deploy", "");
    fixture.skill("other", "");
    let secret = fixture.write("work/secret", "secret");
    let dir = "work/.agents/skills/deploy";
    fixture.link(&secret, &format!("{dir}/absolute"));
    fixture.link("../../../secret", &format!("{dir}/relative"));
    fixture.link("../../..", &format!("{dir}/up"));
    fixture.link("../other/SKILL.md", &format!("{dir}/sibling"));
    fixture.link("/proc/self/environ", &format!("{dir}/environ"));
    fixture.link("absolute", &format!("{dir}/chain"));
    for path in ["absolute", "relative", "up/secret", "sibling", "environ", "chain"] {
        let error = fixture.read("deploy", path).expect_err("refused");
        assert!(error.to_string().contains("leads out"), "{path}: {error}");
        assert_eq!(Status::from(error).code(), Code::FailedPrecondition);
    }
    for path in ["../other/SKILL.md", "/etc/passwd", ".env", "a/../../x", ""] {
        assert_eq!(code(fixture.read("deploy", path)), Code::InvalidArgument, "{path}");
    }
    assert_eq!(code(fixture.read("deploy", "missing")), Code::NotFound);
    assert_eq!(code(fixture.read("deploy", "SKILL.md/below")), Code::NotFound);
    std::fs::create_dir(fixture.path(dir).join("directory")).expect("dir");
    assert_eq!(code(fixture.read("deploy", "directory")), Code::FailedPrecondition);
    assert_eq!(code(fixture.read("missing", "x")), Code::NotFound);
}

#[test]
fn hidden_files_of_a_skill_are_not_read_through_links() {
    let fixture = Fixture::new();
    fixture.skill("deploy", "");
    let dir = "work/.agents/skills/deploy";
    fixture.write(&format!("{dir}/.env"), "secret");
    fixture.write(&format!("{dir}/.git/config"), "secret");
    fixture.link(".env", &format!("{dir}/environment"));
    fixture.link(".git", &format!("{dir}/repository"));
    for path in ["environment", "repository/config"] {
        let error = fixture.read("deploy", path).expect_err("refused");
        assert!(error.to_string().contains("hidden"), "{path}: {error}");
    }
}

#[test]
fn the_largest_answer_fits_into_a_message() {
    let dirs: Vec<_> = (0..60).map(|dir| format!("d{dir}")).collect();
    let list = dirs.join(",");
    let fixture = Fixture::with(&[("CHATMESH_AGENT_INSTRUCTIONS_DIRS", &list)]);
    for dir in &dirs {
        fixture.write(&format!("work/{dir}/AGENTS.md"), "x".repeat(65_536));
    }
    for skill in 0..520 {
        fixture.skill(&format!("skill-{skill}"), "");
    }
    let context = fixture.context();
    assert!(context.encoded_len() < 4 * 1024 * 1024, "{}", context.encoded_len());
    assert_eq!(context.instruction_files.len() + context.skills.len(), 500);
    assert!(context.warnings[0].contains("were left out"), "{:?}", context.warnings);
}
