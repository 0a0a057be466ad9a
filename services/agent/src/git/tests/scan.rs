//! What a scan finds.

use std::fs::{Permissions, remove_file, rename, set_permissions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use prost::Message as _;

use super::*;

/// Applies a diff to a fresh copy of HEAD, and returns what the result would be as a commit.
fn applied(repository: &Repository, diff: &str) -> String {
    let copy = repository._dir.path().join("copy");
    git(&repository.root, &["clone", "--quiet", "--no-local", ".", copy.to_str().expect("path")]);
    let mut apply = command(&copy, &["apply", "--index", "-"]).stdin(Stdio::piped()).spawn().expect("git");
    apply.stdin.take().expect("pipe").write_all(diff.as_bytes()).expect("written");
    assert!(apply.wait().expect("ended").success(), "{diff}");
    git(&copy, &["write-tree"])
}

/// What the worktree would be as a commit.
fn tree(repository: &Repository) -> String {
    repository.git(&["add", "--all"]);
    repository.git(&["write-tree"])
}

/// G01: staged, unstaged and untracked changes, without ignored files.
#[test]
fn g01_the_diff_is_everything_that_differs_from_head_and_git_can_apply_it() {
    let long: String = (0..100).map(|line| format!("line {line}\n")).collect();
    let repository = Repository::with(&[
        ("staged", "a\n"),
        ("staged-then-back", "same\n"),
        ("unstaged", &long),
        ("gone", "x\ny\n"),
        ("gone-from-index", "x\n"),
        ("kept-but-untracked", "x\n"),
        ("script", "#!/bin/sh\n"),
        ("becomes-link", "text\n"),
        ("empty", ""),
        ("end", "no newline"),
        ("dir/deep/file", "a\n"),
        ("carriage", "a\rb\r\nc\r"),
        (".gitignore", "*.log\n/target/\n"),
    ]);
    symlink("staged", repository.path("link")).expect("link");
    repository.commit();

    repository.write("staged", "b\n");
    repository.write("staged-then-back", "other\n");
    repository.git(&["add", "--all"]);
    repository.write("staged-then-back", "same\n");
    repository.write("unstaged", long.replace("line 5\n", "five\n").replace("line 90\n", ""));
    remove_file(repository.path("gone")).expect("removed");
    repository.git(&["rm", "--quiet", "gone-from-index"]);
    repository.git(&["rm", "--quiet", "--cached", "kept-but-untracked"]);
    repository.write("kept-but-untracked", "y\n");
    set_permissions(repository.path("script"), Permissions::from_mode(0o755)).expect("mode");
    remove_file(repository.path("becomes-link")).expect("removed");
    symlink("nowhere", repository.path("becomes-link")).expect("link");
    remove_file(repository.path("link")).expect("removed");
    symlink("unstaged", repository.path("link")).expect("link");
    remove_file(repository.path("empty")).expect("removed");
    repository.write("end", "no newline\nand one more line");
    rename(repository.path("dir"), repository.path("moved")).expect("moved");
    repository.write("carriage", "a\rb\r\nd\r");
    for name in
        ["new", "new dir/a b", "quote\"d", "back\\slash", "tab\there", "日本 é", "two\nlines", "-rf", "100% #1 &"]
    {
        repository.write(name, format!("{name}\n"));
    }
    repository.write("new-and-empty", "");
    repository.write("x.log", "ignored\n");
    repository.write("target/deep/x", "ignored\n");

    let state = repository.state();
    let diff = &state.diff;
    assert_eq!((state.branch.as_str(), &state.head_commit), ("main", &repository.git(&["rev-parse", "HEAD"])));
    assert!(!diff.text.contains("ignored") && !diff.text.contains("staged-then-back"), "{}", diff.text);
    assert_eq!((diff.changed_files, diff.omitted_files, diff.truncated), (23, 0, false));
    assert_eq!(repository.state(), state, "the same worktree gives the same diff");
    assert_eq!(applied(&repository, &diff.text), tree(&repository));
    assert_eq!(repository.git(&["diff", "--cached", "--no-renames", "--name-only", "-z"]).matches('\0').count(), 23);
}

#[test]
fn g01_a_diff_reads_like_that_of_git() {
    let repository = Repository::with(&[("a b", "1\n2\n3\n"), ("mode", "x\n")]);
    repository.write("a b", "1\ntwo\n3\n");
    set_permissions(repository.path("mode"), Permissions::from_mode(0o700)).expect("mode");
    repository.write("new", "n");
    let expected = "diff --git a/a b b/a b\n--- a/a b\t\n+++ b/a b\t\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n\
                    diff --git a/mode b/mode\nold mode 100644\nnew mode 100755\n\
                    diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n\
                    \\ No newline at end of file\n";
    assert_eq!(repository.diff(), expected);
}

/// G01: no commits yet.
#[test]
fn g01_without_a_commit_there_is_a_branch_and_everything_is_new() {
    let repository = Repository::new();
    assert_eq!(repository.state(), State { branch: "main".to_owned(), ..State::default() });
    repository.write("staged", "s\n");
    repository.git(&["add", "--all"]);
    repository.write("untracked", "u\n");
    let state = repository.state();
    assert_eq!((state.branch.as_str(), state.head_commit.as_str(), state.diff.changed_files), ("main", "", 2));
    assert!(state.diff.text.contains("+s\n") && state.diff.text.contains("+u\n"));
}

#[test]
fn g01_a_detached_head_has_a_commit_and_no_branch() {
    let repository = Repository::with(&[("f", "1\n")]);
    repository.git(&["switch", "--quiet", "--create", "feature/one"]);
    assert_eq!(repository.state().branch, "feature/one");
    repository.git(&["switch", "--quiet", "--detach"]);
    let state = repository.state();
    assert_eq!((state.branch, state.head_commit), (String::new(), repository.git(&["rev-parse", "HEAD"])));
}

#[test]
fn g01_the_origin_is_told_without_credentials() {
    let repository = Repository::with(&[]);
    assert_eq!(repository.state().remote_origin, "");
    repository.git(&["remote", "add", "origin", "https://user:secret@example.com/a/b.git"]);
    assert_eq!(repository.state().remote_origin, "https://example.com/a/b.git");
}

/// G01: binary, huge file, huge diff.
#[test]
fn g01_one_line_stands_for_what_is_binary_or_too_large() {
    let megabytes = |count: usize| "0123456789abcde\n".repeat(count * 64 * 1024);
    let repository = Repository::with(&[("binary", "text\n"), ("was-large", &megabytes(3)), ("small", "s\n")]);
    repository.write("binary", b"\x00\xff");
    repository.write("new-binary", b"a\x00");
    repository.write("large", megabytes(3));
    repository.write("was-large", "now small\n");
    repository.write("long-diff", megabytes(1));
    repository.write("just-short-enough", "0123456789abcd\n".repeat(16 * 1000));
    repository.write("invalid", b"\xff\n".repeat(120_000));
    repository.write("latin", b"caf\xe9\n");

    let diff = repository.state().diff;
    assert_eq!((diff.changed_files, diff.omitted_files, diff.truncated), (8, 6, false));
    for expected in [
        "diff --git a/binary b/binary\nBinary files a/binary and b/binary differ\n",
        "diff --git a/new-binary b/new-binary\nnew file mode 100644\nBinary files /dev/null and b/new-binary differ\n",
        "diff --git a/large b/large\nnew file mode 100644\nFile not shown: it has 3145728 bytes, more than 2097152\n",
        "diff --git a/was-large b/was-large\nFile not shown: it has 3145728 bytes, more than 2097152\n",
        "diff --git a/long-diff b/long-diff\nnew file mode 100644\nDiff not shown: it has more than 262144 bytes\n",
        "diff --git a/invalid b/invalid\nnew file mode 100644\nDiff not shown: it has more than 262144 bytes\n",
        "+caf\u{FFFD}\n",
        "+0123456789abcd\n",
    ] {
        assert!(diff.text.contains(expected), "{expected}");
    }
}

/// G01: huge diff.
#[test]
fn g01_more_than_three_mebibytes_of_diff_are_replaced_by_a_sentence() {
    let repository = Repository::with(&[("f", "1\n")]);
    for number in 0..13 {
        repository.write(&format!("{number:02}"), "0123456789abcd\n".repeat(16 * 1000));
    }
    let state = repository.state();
    let expected = "The diff is not shown: it has more than 3145728 bytes.\n";
    assert_eq!((state.diff.text.as_str(), state.diff.truncated, state.branch.as_str()), (expected, true, "main"));
    assert_eq!((state.diff.changed_files, state.diff.omitted_files), (13, 13));
    remove_file(repository.path("12")).expect("removed");
    let mut state = repository.state();
    assert!((3_000_000..3_145_728).contains(&state.diff.text.len()), "{}", state.diff.text.len());
    (state.branch, state.remote_origin) = ("b".repeat(4096), "o".repeat(4096));
    let root = Path::new("/").join("r".repeat(4095));
    let message = super::super::state::repository(&root, &state, chatmesh_core::Timestamp::MAX_UTC);
    assert!(message.encoded_len() < 4 * 1024 * 1024, "{}", message.encoded_len());
}

#[test]
fn g01_more_than_twenty_thousand_files_are_not_looked_at() {
    let repository = Repository::with(&[("f", "1\n")]);
    for number in 0..20_001 {
        repository.write(&format!("{}/{number}", number / 1000), "");
    }
    let diff = repository.state().diff;
    assert_eq!(diff.text, "The diff is not shown: more than 20000 files differ.\n");
    assert_eq!((diff.changed_files, diff.truncated), (20_000, true));
    remove_file(repository.path("20/20000")).expect("removed");
    assert_eq!(repository.state().diff.changed_files, 20_000);
}

/// G01: worktree, removed repo.
#[test]
fn g01_a_linked_worktree_is_a_repository_until_its_directory_in_git_is_gone() {
    let repository = Repository::with(&[("f", "1\n")]);
    let linked = repository._dir.path().canonicalize().expect("dir").join("linked");
    repository.git(&["worktree", "add", "--quiet", "-b", "side", linked.to_str().expect("path")]);
    std::fs::write(linked.join("f"), "2\n").expect("file");
    let found = state(read(&linked));
    assert_eq!((found.branch.as_str(), found.diff.changed_files), ("side", 1));
    assert_eq!(repository.state().diff, super::super::state::Diff::default());
    rename(repository.path(".git/worktrees/linked"), repository.path(".git/elsewhere")).expect("moved");
    assert_eq!(read(&linked), Outcome::Removed);
}

/// G01: removed repo.
#[test]
fn g01_a_repository_without_its_directory_or_git_directory_is_removed() {
    let repository = Repository::with(&[("f", "1\n")]);
    rename(repository.path(".git"), repository.path("git")).expect("moved");
    assert_eq!(repository.scan(), Outcome::Removed);
    rename(repository.path("git"), repository.path(".git")).expect("moved");
    assert!(matches!(repository.scan(), Outcome::State(_)));
    std::fs::remove_dir_all(&repository.root).expect("removed");
    assert_eq!(repository.scan(), Outcome::Removed);
}

#[test]
fn f05_names_that_are_no_text_are_written_as_git_writes_them() {
    let repository = Repository::with(&[("f", "1\n")]);
    std::fs::write(repository.root.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x\n").expect("file");
    assert!(repository.diff().contains("+++ \"b/caf\\351\"\n"));
    assert_eq!(applied(&repository, &repository.diff()), tree(&repository));
}
