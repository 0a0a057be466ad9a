//! Repositories that are out of the ordinary, or meant to do harm.

use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

#[test]
fn nothing_that_a_repository_names_is_ever_run() {
    let repository = Repository::with(&[("f", "1\n"), (".gitattributes", "* filter=evil diff=evil\n")]);
    let mark = repository._dir.path().join("mark");
    let evil = format!("touch {}; cat", mark.display());
    for key in [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
    ] {
        repository.git(&["config", key, &evil]);
    }
    repository.git(&["config", "filter.evil.required", "true"]);
    std::fs::write(repository.path("f"), "2\n").expect("file");
    assert!(repository.diff().contains("+2\n"), "a filter that is not run changes nothing");
    assert!(!mark.exists(), "something was run");
}

#[test]
fn line_ends_are_compared_as_git_stores_them() {
    let repository = Repository::with(&[(".gitattributes", "*.txt text eol=crlf\n"), ("a.txt", "1\n2\n")]);
    repository.write("a.txt", "1\r\n2\r\n");
    assert_eq!(repository.diff(), "");
    repository.git(&["config", "core.safecrlf", "true"]);
    repository.write("a.txt", "1\r\ntwo\n");
    assert!(repository.diff().ends_with("@@ -1,2 +1,2 @@\n 1\n-2\n+two\n"), "{}", repository.diff());
}

#[test]
fn submodules_and_repositories_inside_are_left_alone() {
    let library = Repository::with(&[("lib", "1\n")]);
    let repository = Repository::with(&[("f", "1\n")]);
    let url = library.root.to_str().expect("path");
    repository.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub"]);
    repository.commit();
    repository.write("sub/lib", "2\n");
    repository.write("sub/new", "n\n");
    git(&repository.path("sub"), &["-c", "commit.gpgSign=false", "commit", "--quiet", "--all", "--message=m"]);
    repository.git(&["add", "sub"]);
    std::fs::create_dir(repository.path("nested")).expect("dir");
    git(&repository.path("nested"), &["init", "--quiet"]);
    repository.write("nested/file", "n\n");
    assert_eq!(repository.state().diff, super::super::state::Diff::default());

    let submodule = state(read(&repository.path("sub")));
    assert_eq!(submodule.diff.text.lines().next(), Some("diff --git a/new b/new"));
}

#[test]
fn a_conflict_is_shown_as_it_stands_in_the_worktree() {
    let repository = Repository::with(&[("f", "base\n")]);
    repository.git(&["switch", "--quiet", "--create", "other"]);
    repository.write("f", "theirs\n");
    repository.commit();
    repository.git(&["switch", "--quiet", "main"]);
    repository.write("f", "ours\n");
    repository.commit();
    let merge = command(&repository.root, &["merge", "other"]).output().expect("git");
    assert!(!merge.status.success(), "there is a conflict");
    let diff = repository.diff();
    assert!(diff.contains("+<<<<<<<") && diff.contains(" ours\n") && diff.contains("+theirs\n"), "{diff}");
}

#[test]
fn what_is_no_file_is_neither_followed_nor_waited_for() {
    let repository = Repository::with(&[("pipe", "1\n"), ("dir/f", "1\n"), ("becomes-dir", "1\n")]);
    let outside = tempfile::tempdir().expect("dir");
    std::fs::write(outside.path().join("f"), "outside\n").expect("file");
    std::fs::remove_file(repository.path("pipe")).expect("removed");
    mkfifo(&repository.path("pipe"), Mode::S_IRWXU).expect("pipe");
    mkfifo(&repository.path("new-pipe"), Mode::S_IRWXU).expect("pipe");
    std::fs::remove_dir_all(repository.path("dir")).expect("removed");
    symlink(outside.path(), repository.path("dir")).expect("link");
    std::fs::remove_file(repository.path("becomes-dir")).expect("removed");
    repository.write("becomes-dir/f", "in it\n");
    let diff = repository.diff();
    assert!(!diff.contains("+outside"), "{diff}");
    for expected in [
        "diff --git a/pipe b/pipe\ndeleted file mode 100644\n",
        "diff --git a/dir/f b/dir/f\ndeleted file mode 100644\n",
        "diff --git a/dir b/dir\nnew file mode 120000\n",
        "diff --git a/becomes-dir b/becomes-dir\ndeleted file mode 100644\n",
        "diff --git a/becomes-dir/f b/becomes-dir/f\nnew file mode 100644\n",
    ] {
        assert!(diff.contains(expected), "{expected} in {diff}");
    }
    assert!(!diff.contains("new-pipe"), "{diff}");
}

#[test]
fn a_broken_repository_is_a_problem_and_not_the_end() {
    for (file, content) in [
        (".git/HEAD", "nonsense"),
        (".git/HEAD", "0123456789012345678901234567890123456789\n"),
        (".git/index", "DIRC nonsense"),
        (".git/config", "[core\n"),
    ] {
        let repository = Repository::with(&[("f", "1\n")]);
        repository.write(file, content);
        match repository.scan() {
            Outcome::Failed(message) => assert!(message.starts_with("the repository can not be read: "), "{message}"),
            other => panic!("{file} with {content:?}: {other:?}"),
        }
    }
}

#[test]
fn a_worktree_elsewhere_is_not_read() {
    let repository = Repository::with(&[("f", "1\n")]);
    repository.git(&["config", "core.worktree", "/"]);
    assert!(matches!(repository.scan(), Outcome::Failed(message) if message.contains("core.worktree")));
}

#[test]
fn a_scan_that_nobody_waits_for_ends() {
    let repository = Repository::with(&[("f", "1\n")]);
    repository.write("f", "2\n");
    let outcome = scan(&repository.root, &AtomicBool::new(true));
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[test]
fn whatever_form_the_index_has_the_diff_is_the_same() {
    let repository = Repository::with(&[("a/f", "1\n"), ("b/f", "1\n"), ("c/f", "1\n"), ("top", "1\n")]);
    repository.write("a/f", "2\n");
    repository.write("a/new", "n\n");
    let expected = repository.diff();
    assert!(expected.contains("+2\n") && expected.contains("+n\n"));
    for arguments in [
        &["update-index", "--index-version", "4"][..],
        &["update-index", "--untracked-cache"],
        &["update-index", "--split-index"],
        &["update-index", "--no-split-index"],
        &["sparse-checkout", "set", "--cone", "--no-sparse-index", "a"],
        &["sparse-checkout", "set", "--cone", "--sparse-index", "a"],
        &["pack-refs", "--all"],
        &["gc", "--quiet"],
    ] {
        repository.git(arguments);
        assert_eq!(repository.diff(), expected, "{arguments:?}");
    }
}

#[test]
fn a_format_that_is_not_known_is_a_problem_and_no_wrong_answer() {
    for option in ["--object-format=sha256", "--ref-format=reftable"] {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("dir");
        git(&root, &["init", "--quiet", option]);
        std::fs::write(root.join("f"), "1\n").expect("file");
        git(&root, &["add", "f"]);
        git(&root, &["commit", "--quiet", "--message=m"]);
        assert!(matches!(read(&root), Outcome::Failed(_)), "{option}: {:?}", read(&root));
    }
}
