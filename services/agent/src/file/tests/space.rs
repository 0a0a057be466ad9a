//! Disks that are full, made with a file system of 64 KiB where the system lets a test have one, and
//! with a limit of the size of files everywhere else. Both need a process of their own.

use std::process::Command;

use super::edit::request;
use super::*;

/// Where the process finds the directory that is full; without it the tests of this file begin it.
const DIRECTORY: &str = "CHATMESH_TEST_SMALL_DISK";

/// Runs a test of this file once more, on a full disk.
fn on_a_full_disk(test: &str) {
    let dir = tempfile::tempdir().expect("dir");
    let program = std::env::current_exe().expect("program");
    let run = r#"trap '' XFSZ; exec "$0" --exact "$1" --nocapture"#;
    let mounted = format!(r#"mount -t tmpfs -o size=64k none "$2" && {run}"#);
    let limited = format!("ulimit -f 128; {run}");
    let mut probe = Command::new("unshare");
    probe.args(["-rm", "sh", "-c", r#"mount -t tmpfs none "$0""#]).arg(dir.path());
    let mut command = if is_success(&mut probe) {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &mounted]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &limited]);
        command
    };
    let test = format!("file::tests::space::{test}");
    command.arg(program).arg(test).arg(dir.path()).env(DIRECTORY, dir.path());
    let output = command.output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn is_success(command: &mut Command) -> bool {
    command.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}

#[expect(clippy::disallowed_methods, reason = "tells this process from the one that runs all tests")]
fn full_disk() -> Option<PathBuf> {
    std::env::var(DIRECTORY).ok().map(PathBuf::from)
}

/// F02: ENOSPC.
#[tokio::test]
async fn f02_a_full_disk_leaves_the_original() {
    let Some(dir) = full_disk() else { return on_a_full_disk("f02_a_full_disk_leaves_the_original") };
    let fixture = Fixture::new();
    let path = dir.join("f");
    std::fs::write(&path, "old").expect("write");
    let error = fixture.write(&path, &"x".repeat(300_000)).await;
    assert_eq!(reason(error), "DISK_FULL");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "old");
    assert_eq!(std::fs::read_dir(&dir).expect("dir").count(), 1, "nothing is left behind");
}

/// F03: the disk is full before the first file is replaced, so none is.
#[tokio::test]
async fn f03_a_full_disk_leaves_all_files() {
    let Some(dir) = full_disk() else { return on_a_full_disk("f03_a_full_disk_leaves_all_files") };
    let fixture = Fixture::new();
    let (small, large) = (dir.join("small"), dir.join("large"));
    for path in [&small, &large] {
        std::fs::write(path, "old").expect("write");
    }
    let long = "x".repeat(300_000);
    let request = request(&[(&small, "old", "new"), (&large, "old", &long)], "k");
    let error = fixture.editor.edit(None, request).await;
    assert_eq!(reason(error), "DISK_FULL");
    for path in [&small, &large] {
        assert_eq!(std::fs::read_to_string(path).expect("read"), "old");
    }
    assert_eq!(std::fs::read_dir(&dir).expect("dir").count(), 2, "nothing is left behind");
}
