//! Where context and configuration of the workspace are found.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Paths as the agent's environment names them. They are resolved when they are used: what they
/// lead to may come to be after the agent has started.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    directory: PathBuf,
    home: Option<PathBuf>,
    instructions_dirs: Vec<String>,
    instructions_file: String,
    skills_dirs: Vec<String>,
    skill_meta_file: String,
    mcp_config_files: Vec<String>,
    /// Directories that were added for a chat.
    added: Vec<PathBuf>,
    /// True where nothing but those counts.
    is_only_added: bool,
}

impl Settings {
    /// Reads the settings of an agent that works in `directory`.
    pub(crate) fn new(environment: &[(OsString, OsString)], directory: PathBuf) -> Self {
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.to_str()).map(str::trim).filter(|value| !value.is_empty())
        };
        let setting = |name: &str, default: &str| variable(name).unwrap_or(default).to_owned();
        let list = |name: &str, default: &str| match split(variable(name).unwrap_or_default()) {
            entries if entries.is_empty() => split(default),
            entries => entries,
        };
        Self {
            home: variable("HOME").map(PathBuf::from),
            instructions_dirs: list("CHATMESH_AGENT_INSTRUCTIONS_DIRS", "~/.chatmesh"),
            instructions_file: setting("CHATMESH_AGENT_INSTRUCTIONS_FILE", "AGENTS.md"),
            skills_dirs: list("CHATMESH_AGENT_SKILLS_DIRS", ".agents/skills"),
            skill_meta_file: setting("CHATMESH_AGENT_SKILL_META_FILE", "SKILL.md"),
            mcp_config_files: list("CHATMESH_AGENT_MCP_CONFIG_FILES", ".mcp.json"),
            added: Vec::new(),
            is_only_added: false,
            directory,
        }
    }

    /// The same, and behind it the instruction files and skills of further directories.
    pub(super) fn with_added(&self, added: Vec<PathBuf>) -> Self {
        Self { added, ..self.clone() }
    }

    /// The instruction file and skills of one directory, and nothing else.
    pub(super) fn alone_in(&self, directory: &Path) -> Self {
        Self { added: vec![directory.to_owned()], is_only_added: true, ..self.clone() }
    }

    /// The working directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The home directory, where one is set.
    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The name of instruction files.
    pub(super) fn instructions_file(&self) -> &str {
        &self.instructions_file
    }

    /// Where instruction files may be: in the configured directories, then in the working directory, then in those that
    /// were added.
    pub(super) fn instruction_files(&self) -> Vec<PathBuf> {
        let mut dirs = Vec::new();
        if !self.is_only_added {
            dirs = self.resolve_all(&self.instructions_dirs);
            dirs.push(self.directory.clone());
        }
        dirs.extend(self.added.iter().cloned());
        dirs.into_iter().map(|dir| dir.join(&self.instructions_file)).collect()
    }

    /// Where an instruction file may lead to. Whoever wrote the files of the working directory, or of one that was added,
    /// which may have been cloned from anywhere, does not decide what else of this machine is read to a model.
    pub(super) fn roots(&self, instruction_file: &Path) -> Vec<PathBuf> {
        let dir = instruction_file.parent().unwrap_or(instruction_file);
        let is_added = self.added.iter().any(|added| added == dir);
        // A working directory that is the home directory holds more than what was cloned.
        let is_home = self.home().is_some_and(|home| is_same(home, &self.directory));
        let roots = if without_dots(dir).starts_with(without_dots(&self.directory)) && !(is_added && is_home) {
            vec![self.directory.as_path()]
        } else if is_added {
            vec![dir]
        } else {
            [Some(dir), self.home()].into_iter().flatten().collect()
        };
        roots.into_iter().filter_map(|root| root.canonicalize().ok()).collect()
    }

    /// The directories whose directories are skills, each once. An added directory has its skills where the working
    /// directory has them. Blocks.
    pub(super) fn skills_dirs(&self) -> Vec<PathBuf> {
        let mut dirs = if self.is_only_added { Vec::new() } else { self.resolve_all(&self.skills_dirs) };
        let relative: Vec<&String> = self.skills_dirs.iter().filter(|entry| is_relative(entry)).collect();
        for dir in self.added.iter().flat_map(|added| relative.iter().map(|entry| added.join(entry))) {
            if !dirs.iter().any(|other| is_same(other, &dir)) {
                dirs.push(dir);
            }
        }
        dirs
    }

    /// The name of the file that makes a directory a skill.
    pub(super) fn skill_meta_file(&self) -> &str {
        &self.skill_meta_file
    }

    /// The files that name MCP servers.
    pub(crate) fn mcp_config_files(&self) -> Vec<PathBuf> {
        self.resolve_all(&self.mcp_config_files)
    }

    fn resolve_all(&self, entries: &[String]) -> Vec<PathBuf> {
        entries.iter().filter_map(|entry| resolve(entry, self.home(), &self.directory)).collect()
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// True for what depends on a directory.
fn is_relative(entry: &str) -> bool {
    !entry.starts_with('/') && entry != "~" && !entry.starts_with("~/")
}

/// True for two ways to one directory.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Makes a path absolute. None where it is relative to something that is not known.
fn resolve(entry: &str, home: Option<&Path>, directory: &Path) -> Option<PathBuf> {
    match entry.strip_prefix('~') {
        Some("") => home.map(Path::to_owned),
        Some(rest) if rest.starts_with('/') => home.map(|home| home.join(rest.trim_start_matches('/'))),
        _ if entry.starts_with('/') => Some(PathBuf::from(entry)),
        _ if directory.as_os_str().is_empty() => None,
        _ => Some(directory.join(entry)),
    }
}

/// The path by its words alone, whatever links there are.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(environment: &[(&str, &str)]) -> Settings {
        let pairs: Vec<_> = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Settings::new(&pairs, PathBuf::from("/work"))
    }

    #[test]
    fn what_is_blank_has_its_default() {
        for value in [None, Some(""), Some("  "), Some(" , ,")] {
            let names = ["INSTRUCTIONS_DIRS", "SKILLS_DIRS", "MCP_CONFIG_FILES"];
            let names = names.map(|name| format!("CHATMESH_AGENT_{name}"));
            let lists = value.iter().flat_map(|value| names.iter().map(|name| (name.as_str(), *value)));
            let settings = settings(&lists.chain([("HOME", "/home/me")]).collect::<Vec<_>>());
            let files = [PathBuf::from("/home/me/.chatmesh/AGENTS.md"), PathBuf::from("/work/AGENTS.md")];
            assert_eq!(settings.instruction_files(), files, "{value:?}");
            assert_eq!(settings.skills_dirs(), [PathBuf::from("/work/.agents/skills")]);
            assert_eq!(settings.mcp_config_files(), [PathBuf::from("/work/.mcp.json")]);
        }
        for value in ["", " "] {
            let names = [("CHATMESH_AGENT_INSTRUCTIONS_FILE", value), ("CHATMESH_AGENT_SKILL_META_FILE", value)];
            let settings = settings(&names);
            assert_eq!(settings.instruction_files(), [PathBuf::from("/work/AGENTS.md")], "without a home");
            assert_eq!(settings.skill_meta_file(), "SKILL.md");
        }
    }

    #[test]
    fn lists_are_split_and_names_are_taken() {
        let settings = settings(&[
            ("HOME", "/home/me"),
            ("CHATMESH_AGENT_INSTRUCTIONS_DIRS", " ~/a b , /etc/x,docs,"),
            ("CHATMESH_AGENT_INSTRUCTIONS_FILE", " CLAUDE.md "),
            ("CHATMESH_AGENT_SKILLS_DIRS", "~,../shared"),
            ("CHATMESH_AGENT_MCP_CONFIG_FILES", "one.json,~/two.json"),
        ]);
        let files = ["/home/me/a b/CLAUDE.md", "/etc/x/CLAUDE.md", "/work/docs/CLAUDE.md", "/work/CLAUDE.md"];
        assert_eq!(settings.instruction_files(), files.map(PathBuf::from));
        assert_eq!(settings.skills_dirs(), ["/home/me", "/work/../shared"].map(PathBuf::from));
        assert_eq!(settings.mcp_config_files(), ["/work/one.json", "/home/me/two.json"].map(PathBuf::from));
    }

    #[test]
    fn a_path_is_absolute_or_nothing() {
        let home = Some(Path::new("/home/me"));
        for (entry, home, directory, expected) in [
            ("~", home, "/work", Some("/home/me")),
            ("~/x", home, "/work", Some("/home/me/x")),
            ("~//x", home, "/work", Some("/home/me/x")),
            ("~", None, "/work", None),
            ("~/x", None, "/work", None),
            ("~bob/x", home, "/work", Some("/work/~bob/x")),
            ("/x", home, "", Some("/x")),
            ("x", home, "/work", Some("/work/x")),
            ("x", home, "", None),
        ] {
            let resolved = resolve(entry, home, Path::new(directory));
            assert_eq!(resolved.as_deref(), expected.map(Path::new), "{entry} in `{directory}`");
        }
    }
}
