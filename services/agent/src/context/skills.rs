//! Skills: directories with a meta file that says what they are good for.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use chatmesh_core::skill::{is_name, split};
use chatmesh_proto::agent::v1 as pb;

use super::bounds::Bounds;
use super::error::Error;
use super::instructions::is_missing;
use super::settings::Settings;
use super::text;

/// How much of a meta file is read.
const MAX_META_BYTES: usize = 64 * 1024;
/// The longest description in bytes; longer ones are cut.
const MAX_DESCRIPTION_BYTES: usize = 4 * 1024;
/// How many entries of a directory are looked at.
const MAX_ENTRIES: usize = 10_000;

/// A skill with its text.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) skill: pb::Skill,
    pub(super) body: String,
    pub(super) truncated: bool,
    /// Its directory, links resolved.
    pub(super) root: PathBuf,
}

/// Finds all skills; the first one of a name counts. Blocks.
pub(super) fn discover(settings: &Settings, bounds: &mut Bounds) -> Vec<pb::Skill> {
    let mut seen = HashSet::new();
    let mut skills = Vec::new();
    for parent in settings.skills_dirs() {
        for name in names(&parent, bounds) {
            let dir = parent.join(&name);
            match load(&dir, &name, settings.skill_meta_file()) {
                Ok(None) => {}
                Ok(Some(_)) if !seen.insert(name.clone()) => {
                    bounds.warn(format!("skill `{}` was left out: there is another `{name}` before it", dir.display()));
                }
                Ok(Some(Loaded { skill, .. })) => {
                    if bounds.take(skill.name.len() + skill.description.len() + skill.dir.len()) {
                        skills.push(skill);
                    }
                }
                Err(problem) => bounds.warn(format!("skill `{}` was left out: it {problem}", dir.display())),
            }
        }
    }
    skills
}

/// Finds one skill. Blocks.
pub(super) fn find(settings: &Settings, name: &str) -> Result<Loaded, Error> {
    if !is_name(name) {
        return Err(Error::Invalid("`name` must be lowercase words joined by hyphens".to_owned()));
    }
    let mut problem = None;
    for parent in settings.skills_dirs() {
        match load(&parent.join(name), name, settings.skill_meta_file()) {
            Ok(Some(loaded)) => return Ok(loaded),
            Ok(None) => {}
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    let name = name.to_owned();
    Err(match problem {
        Some(problem) => Error::SkillUnusable { name, problem },
        None => Error::SkillNotFound(name),
    })
}

/// The names of the directories in `parent`, sorted; hidden ones are none.
fn names(parent: &Path, bounds: &mut Bounds) -> Vec<String> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) => {
            if !is_missing(&error) {
                bounds.warn(format!("skills in `{}` were left out: {error}", parent.display()));
            }
            return Vec::new();
        }
    };
    let names = entries.take(MAX_ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.') && parent.join(name).is_dir()).collect();
    names.sort();
    names
}

/// Reads the skill in `dir`; none where there is no meta file. The error says what is wrong, to
/// follow the skill's name.
fn load(dir: &Path, name: &str, meta_file: &str) -> Result<Option<Loaded>, String> {
    let meta = match dir.join(meta_file).canonicalize() {
        Ok(meta) => meta,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(format!("can not be read: {error}")),
    };
    let root = dir.canonicalize().map_err(|error| format!("can not be read: {error}"))?;
    if !meta.starts_with(&root) {
        return Err(format!("has a `{meta_file}` that leads out of its directory"));
    }
    if !is_name(name) {
        return Err("has a directory whose name is not lowercase words joined by hyphens".to_owned());
    }
    let capped = text::read_capped(&meta, MAX_META_BYTES).map_err(|error| format!("can not be read: {error}"))?;
    let text = text::clean(&capped, MAX_META_BYTES);
    let (front, body) = split(&text.text).map_err(|problem| problem.to_string())?;
    match front.name {
        None => return Err("has no `name` in its frontmatter".to_owned()),
        Some(own) if own != name => return Err("has a `name` that differs from that of its directory".to_owned()),
        Some(_) => {}
    }
    let mut description = front.description.filter(|description| !description.is_empty());
    let Some(description) = description.as_mut() else {
        return Err("has no `description` in its frontmatter".to_owned());
    };
    description.truncate(description.floor_char_boundary(MAX_DESCRIPTION_BYTES));
    let skill = pb::Skill {
        name: name.to_owned(),
        description: std::mem::take(description),
        dir: dir.display().to_string(),
        meta_file: meta_file.to_owned(),
    };
    Ok(Some(Loaded { skill, body: body.to_owned(), truncated: text.truncated, root }))
}
