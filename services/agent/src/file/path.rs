//! Paths that callers give.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use super::error::Error;

/// How many symbolic links one path may go through.
const MAX_LINKS: usize = 40;

/// The longest path in bytes. The system takes no longer ones.
const MAX_LENGTH: usize = 4096;

/// Takes an absolute path. Nothing in it has a meaning beside slashes and the names `.` and `..`.
pub(crate) fn absolute(text: &str) -> Result<PathBuf, Error> {
    if !text.starts_with('/') {
        return Err(Error::Invalid("`path` must be absolute".to_owned()));
    }
    if text.len() > MAX_LENGTH {
        return Err(Error::Invalid(format!("`path` must have {MAX_LENGTH} bytes at most")));
    }
    if text.contains('\0') {
        return Err(Error::Invalid("`path` must not contain NUL".to_owned()));
    }
    Ok(PathBuf::from(text))
}

/// Takes an absolute path, or one that begins with `~`, which stands for the home directory.
pub(super) fn absolute_or_home(text: &str, home: Option<&Path>) -> Result<PathBuf, Error> {
    let below = match text.strip_prefix('~') {
        Some("") => "",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        Some(_) => {
            return Err(Error::Invalid("`path` must begin with `/`, or with `~/` for the home directory".to_owned()));
        }
        None => return absolute(text),
    };
    let home = home.filter(|home| home.is_absolute());
    let home =
        home.ok_or_else(|| Error::Invalid("the agent has no home directory; name an absolute path".to_owned()))?;
    // Its rules are checked as for any path.
    absolute(&format!("/{below}"))?;
    Ok(home.join(below))
}

/// Takes the absolute path of a file: one that ends in a slash names a directory.
pub(super) fn absolute_file(text: &str) -> Result<PathBuf, Error> {
    if text.ends_with('/') {
        return Err(Error::Invalid("`path` must name a file, not a directory".to_owned()));
    }
    absolute(text)
}

/// Follows all symbolic links of an absolute path, also those whose target does not exist; what
/// does not exist is kept as it is. Blocks.
///
/// # Errors
/// There are more than 40 links, or a directory on the way can not be searched.
pub(crate) fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            resolved.pop();
            continue;
        }
        let next = resolved.join(part);
        match std::fs::read_link(&next) {
            Ok(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::ELOOP.into());
                }
                if target.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    rest.push_front(part);
                }
            }
            // Exists and is no link, or does not exist.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => resolved = next,
            Err(error) => return Err(error),
        }
    }
    Ok(resolved)
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_targets_that_need_not_exist() {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("root");
        std::fs::create_dir(root.join("real")).expect("dir");
        symlink("real", root.join("linked")).expect("link");
        symlink("../missing/file", root.join("real/dangling")).expect("link");
        symlink(root.join("linked/dangling"), root.join("chain")).expect("link");

        assert_eq!(follow_links(&root.join("chain")).expect("resolved"), root.join("missing/file"));
        assert_eq!(follow_links(&root.join("linked/./x/../new")).expect("resolved"), root.join("real/new"));
    }

    #[test]
    fn forty_links_are_followed_and_a_loop_is_an_error() {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("root");
        std::fs::write(root.join("0"), "").expect("file");
        for link in 1..=MAX_LINKS + 1 {
            symlink(root.join((link - 1).to_string()), root.join(link.to_string())).expect("link");
        }
        assert_eq!(follow_links(&root.join("40")).expect("resolved"), root.join("0"));
        let error = follow_links(&root.join("41")).expect_err("too many");
        assert_eq!(error.raw_os_error(), Some(Errno::ELOOP as i32));
    }
}
