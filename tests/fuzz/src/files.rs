//! Edits of files, and paths.

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::panic::panic_any;
use std::path::{Component, Path, PathBuf};

use chatmesh_agent::file_fuzz as agent;

/// What parts of an input are separated by: a byte that texts do not have.
const SEPARATOR: u8 = 0x1E;
/// The longest path that calls take.
const MAX_PATH: usize = 4096;
/// How many links a tree has; their names are the first letters.
const MAX_LINKS: usize = 12;

/// Makes an edit: the first byte says whether everywhere, then come a content, a search and a
/// replacement.
///
/// # Panics
/// Something that must hold does not.
pub fn edit(bytes: &[u8]) {
    let Some((flags, rest)) = bytes.split_first() else { return };
    let mut parts = rest.splitn(3, |byte| *byte == SEPARATOR);
    let (content, search) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let replace = parts.next().unwrap_or_default();
    for replace_all in [false, true] {
        let Ok(edited) = agent::edit(content, search, replace, replace_all) else { continue };
        assert!(!search.is_empty(), "nothing was searched for");
        assert!(replace_all || edited.places.len() == 1, "{} places", edited.places.len());
        assert!(!edited.places.is_empty(), "nothing was found");
        check_places(content, search, &edited);
        if flags & 1 == 1 {
            let diff = agent::diff(content, &edited.content, 4096);
            assert!(diff.len() <= 4096 && (diff.is_empty() || diff.ends_with('\n')), "{diff:?}");
        }
    }
}

/// All bytes outside of the places are as they were, and the places are what was searched for.
fn check_places(content: &[u8], search: &[u8], edited: &agent::Edited) {
    let mut rest = edited.content.as_slice();
    let mut end = 0;
    for (range, text) in &edited.places {
        assert!(range.start >= end && range.end > range.start && range.end <= content.len(), "{range:?} after {end}");
        rest = after(rest, &content[end..range.start]);
        rest = after(rest, text);
        end = range.end;
        let found = &content[range.clone()];
        if edited.is_exact {
            assert_eq!(found, search);
        } else {
            // A mark is one before the first line of a text; where the file begins, places begin behind it.
            let search = search.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(search);
            assert_eq!(cores(found), cores(search), "apart from white space");
            check_whole_lines(content, range, text);
        }
    }
    assert_eq!(rest, &content[end..], "the end");
}

fn check_whole_lines(content: &[u8], range: &Range<usize>, text: &[u8]) {
    let before = &content[..range.start];
    assert!(before.is_empty() || before == b"\xEF\xBB\xBF" || before.ends_with(b"\n"), "a line begins");
    if range.end < content.len() {
        assert!(content[..range.end].ends_with(b"\n"), "a line ends");
        assert!(text.is_empty() || text.ends_with(b"\n"), "what follows is not glued on");
    }
}

fn after<'a>(bytes: &'a [u8], prefix: &[u8]) -> &'a [u8] {
    bytes.strip_prefix(prefix).unwrap_or_else(|| panic_any(format!("{bytes:?} does not begin with {prefix:?}")))
}

/// The lines of a text without white space around them.
fn cores(text: &[u8]) -> Vec<&[u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C);
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let core = |line: &'_ [u8]| {
        let start = line.iter().position(|byte| !is_space(byte)).unwrap_or(line.len());
        let end = line.iter().rposition(|byte| !is_space(byte)).map_or(start, |at| at + 1);
        start..end
    };
    lines.map(|line| &line[core(line)]).collect()
}

/// Follows a path through a tree of links that is made up with it: parts are the path and what the
/// links say, where `@` at the beginning is the top of the tree.
///
/// # Panics
/// Something that must hold does not.
pub fn paths(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == SEPARATOR).map(String::from_utf8_lossy);
    let text = parts.next().unwrap_or_default();
    check_rules(&text);
    let Ok(tree) = tempfile::tempdir() else { return };
    let Ok(root) = tree.path().canonicalize() else { return };
    let made = fs::create_dir_all(root.join("d/e")).and_then(|()| fs::write(root.join("d/f"), ""));
    if let Err(error) = made {
        panic_any(error.to_string());
    }
    for (name, target) in ('a'..).filter(|name| !"def".contains(*name)).zip(parts).take(MAX_LINKS) {
        let target = match target.strip_prefix('@') {
            Some(below) => format!("{}{below}", root.display()),
            None => target.into_owned(),
        };
        // Not every text can be what a link says.
        let _ = symlink(target, root.join(name.to_string()));
    }
    check_resolved(&root.join(text.trim_start_matches('/')));
}

/// What the rules of paths promise of a text.
fn check_rules(text: &str) {
    match agent::path(text, None) {
        Ok(path) => {
            assert!(text.starts_with('/') && !text.contains('\0') && text.len() <= MAX_PATH, "{text:?}");
            assert_eq!(path, PathBuf::from(text), "nothing in a path has another meaning");
        }
        Err(_) => assert!(!text.starts_with('/') || text.contains('\0') || text.len() > MAX_PATH, "{text:?}"),
    }
    if let Ok(path) = agent::path(text, Some(Path::new("/home/me"))) {
        let is_below = path.starts_with("/home/me");
        assert!(path.is_absolute() && (text.starts_with('/') || is_below), "{text:?} is {}", path.display());
    }
}

/// What is resolved is where the system would go, and has nothing left to follow.
fn check_resolved(path: &Path) {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return;
    }
    let resolved = match agent::resolve(path) {
        Ok(resolved) => resolved,
        Err(error) => {
            let system = path.canonicalize().err().map(|error| error.kind());
            assert!(system.is_some(), "{} is refused: {error}", path.display());
            return;
        }
    };
    let is_plain = |component| matches!(component, Component::RootDir | Component::Normal(_));
    assert!(resolved.is_absolute() && resolved.components().all(is_plain), "{}", resolved.display());
    // What the system makes up for each process may be gone by now.
    if resolved.starts_with("/proc") || resolved.starts_with("/dev") {
        return;
    }
    match path.canonicalize() {
        Ok(canonical) => assert_eq!(resolved, canonical),
        Err(error) => assert_ne!(error.kind(), ErrorKind::PermissionDenied, "{}", path.display()),
    }
    match agent::resolve(&resolved) {
        Ok(again) => assert_eq!(again, resolved),
        Err(error) => panic_any(format!("{}: {error}", resolved.display())),
    }
}
