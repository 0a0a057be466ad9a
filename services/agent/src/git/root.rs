//! Where repositories are.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The longest `.git` file that is read.
const MAX_LINK: u64 = 8 * 1024;

/// Finds the worktree that a path is in: the nearest directory upwards that is the root of one,
/// links resolved. The path itself need not exist any more. Blocks.
pub(super) fn find(path: &Path) -> Option<PathBuf> {
    let existing = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok())?;
    existing.ancestors().find(|ancestor| is_worktree(ancestor)).map(Path::to_owned)
}

/// True where a directory is the root of a worktree: it has a `.git` that is a repository, or a
/// file that leads to one. Blocks.
pub(super) fn is_worktree(directory: &Path) -> bool {
    let git = directory.join(".git");
    match std::fs::metadata(&git) {
        Ok(metadata) if metadata.is_dir() => has_head(&git),
        Ok(metadata) if metadata.is_file() => linked(directory, &git).is_some_and(|target| has_head(&target)),
        _ => false,
    }
}

/// Where the `.git` file of a linked worktree or of a submodule leads.
fn linked(directory: &Path, file: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(MAX_LINK).read_to_string(&mut text).ok()?;
    Some(directory.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Every repository has a HEAD. Only that there is none tells that there is no repository: what
/// can not be looked at for another reason may be there.
fn has_head(git: &Path) -> bool {
    match std::fs::symlink_metadata(git.join("HEAD")) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_nearest_worktree_is_found_also_for_what_is_gone_and_through_links() {
        let dir = tempfile::tempdir().expect("dir");
        let dir = dir.path().canonicalize().expect("dir");
        let (outer, inner, linked) = (dir.join("outer"), dir.join("outer/a/inner"), dir.join("linked"));
        for repository in [&outer, &inner] {
            create_dir_all(repository.join(".git")).expect("dir");
            write(repository.join(".git/HEAD"), "ref: refs/heads/main\n").expect("file");
        }
        create_dir_all(&linked).expect("dir");
        write(linked.join(".git"), "gitdir: ../outer/.git\n").expect("file");
        symlink(&inner, dir.join("link")).expect("link");
        write(inner.join("file"), "").expect("file");

        for (path, expected) in [
            (outer.join("a/b/c"), Some(&outer)),
            (outer.join(".git/config"), Some(&outer)),
            (inner.join("file"), Some(&inner)),
            (inner.join("file/below"), Some(&inner)),
            (inner.clone(), Some(&inner)),
            (dir.join("link/gone"), Some(&inner)),
            (linked.join("x"), Some(&linked)),
            (dir.join("x"), None),
            (PathBuf::from("/"), None),
        ] {
            assert_eq!(find(&path).as_ref(), expected, "{}", path.display());
        }
        std::fs::remove_file(outer.join(".git/HEAD")).expect("removed");
        assert_eq!(find(&outer), None);
        assert_eq!(find(&linked), None, "the directory of a linked worktree is gone");
        write(inner.join(".git/HEAD"), "").expect("file");
        std::fs::remove_dir_all(inner.join(".git")).expect("removed");
        assert_eq!(find(&inner), None);
    }
}
