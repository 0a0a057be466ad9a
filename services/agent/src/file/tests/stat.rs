use std::os::unix::fs::{PermissionsExt as _, symlink};

use nix::sys::stat::Mode;

use super::super::stat::{resolve, stat};
use super::*;

fn described(path: &Path, follow_links: bool) -> Result<pb::FileInfo, Error> {
    let request = pb::StatFileRequest { path: path.to_str().expect("path").to_owned(), follow_links };
    Ok(stat(&request)?.file.expect("file"))
}

fn resolved(path: &Path) -> Result<(PathBuf, bool), Error> {
    let request = pb::ResolvePathRequest { path: path.to_str().expect("path").to_owned() };
    resolve(&request).map(|response| (PathBuf::from(response.path), response.exists))
}

#[test]
fn a_file_is_described_as_the_system_does_it() {
    let fixture = Fixture::new();
    let path = fixture.file("script", "12345");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4750)).expect("mode");
    let file = described(&path, false).expect("described");
    let metadata = std::fs::metadata(&path).expect("metadata");
    assert_eq!((file.kind(), file.size_bytes, file.mode), (pb::FileKind::Regular, 5, 0o4750));
    assert_eq!((file.owner_id, file.group_id), (metadata.uid(), metadata.gid()));
    let time = file.modify_time.expect("time");
    assert_eq!((time.seconds, i64::from(time.nanos)), (metadata.mtime(), metadata.mtime_nsec()));
    assert_eq!(file.symlink_target, "");
}

#[test]
fn every_kind_is_told_and_links_are_followed_only_where_asked() {
    let fixture = Fixture::new();
    nix::unistd::mkfifo(&fixture.path("pipe"), Mode::S_IRWXU).expect("pipe");
    symlink("pipe", fixture.path("link")).expect("link");
    symlink("nowhere", fixture.path("dangling")).expect("link");
    let kind = |name: &str, follow| described(&fixture.path(name), follow).expect("described").kind();
    assert_eq!(kind("", false), pb::FileKind::Directory);
    assert_eq!(kind("pipe", false), pb::FileKind::Special);
    assert_eq!(kind("link", false), pb::FileKind::Symlink);
    assert_eq!(kind("link", true), pb::FileKind::Special);
    assert_eq!(kind("dangling", false), pb::FileKind::Symlink);
    assert_eq!(described(&fixture.path("link"), false).expect("described").symlink_target, "pipe");
    assert_eq!(described(Path::new("/dev/null"), false).expect("described").kind(), pb::FileKind::Special);
    assert_eq!(code(described(&fixture.path("dangling"), true)), Code::NotFound);
    assert_eq!(code(described(Path::new("relative"), true)), Code::InvalidArgument);
    assert_eq!(code(described(&fixture.path("pipe/below"), true)), Code::FailedPrecondition);
}

#[test]
fn a_path_is_resolved_as_far_as_it_exists() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("real")).expect("dir");
    symlink("real", fixture.path("link")).expect("link");
    fixture.file("real/f", "");
    for (given, expected, exists) in [
        ("link/f", "real/f", true),
        ("link/./missing/../f", "real/f", true),
        ("link/not/yet", "real/not/yet", false),
        ("link/../link", "real", true),
    ] {
        assert_eq!(resolved(&fixture.path(given)).expect("resolved"), (fixture.path(expected), exists), "{given}");
    }
    assert_eq!(resolved(Path::new("/../..")).expect("resolved"), (PathBuf::from("/"), true));
    assert_eq!(code(resolved(Path::new("relative"))), Code::InvalidArgument);
    symlink("circle", fixture.path("circle")).expect("link");
    assert_eq!(code(resolved(&fixture.path("circle"))), Code::FailedPrecondition);
    assert_eq!(code(resolved(&fixture.path("real/f/below"))), Code::FailedPrecondition);
}
