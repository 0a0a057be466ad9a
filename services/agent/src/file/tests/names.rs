use std::path::Path;

use super::super::path::absolute_or_home;
use super::super::{download, list, stat};
use super::*;
use futures::StreamExt as _;

/// Names that break when they are put into addresses, shells or lists.
const NAMES: [&str; 9] = ["a b", "100%", "#tag", "a&b", "1+1", "it's \"quoted\"", "日本 é 🦀", "two\nlines", "-rf"];

/// F05: every call takes every name as it is.
#[tokio::test]
async fn f05_any_name_can_be_written_read_edited_and_listed() {
    let fixture = Fixture::new();
    for name in NAMES.iter().map(|name| (*name).to_owned()).chain(["n".repeat(255)]) {
        let path = fixture.path(&name);
        let text = path.to_str().expect("path").to_owned();
        fixture.write(&path, &format!("{name}\n")).await.expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), format!("{name}\n"));
        assert_eq!(lines(&path).expect("read").file_bytes, name.len() as u64 + 1);

        let edited = fixture.edit(&[(&path, &name, "x")]).await.expect("edited");
        assert_eq!(edited.files[0].resolved_path, text);
        let request = pb::ReadFileRequest { path: text.clone(), ..Default::default() };
        let messages: Vec<_> = download::read(request).await.expect("read").collect().await;
        assert_eq!(messages.len(), 2, "{name:?}");

        let request = pb::StatFileRequest { path: text.clone(), follow_links: false };
        assert_eq!(stat::stat(&request).expect("described").file.expect("file").size_bytes, 2);
        let request = pb::ResolvePathRequest { path: text.clone() };
        let resolved = stat::resolve(&request).expect("resolved");
        assert_eq!((resolved.path, resolved.exists), (text.clone(), true));
    }
    let request = pb::ListDirectoryRequest { path: fixture.path("").display().to_string(), ..Default::default() };
    let listed = list::list(&request, None).expect("listed").entries;
    let mut names: Vec<_> = listed.into_iter().map(|entry| entry.name).filter(|name| name != "state").collect();
    names.sort();
    assert_eq!(names, fixture.names());
    assert_eq!(names.len(), NAMES.len() + 1);
}

/// F05: nothing in a path is a pattern, a variable or an escape, and home is where `~` stands alone.
#[test]
fn f05_paths_mean_what_they_say() {
    let home = Some(Path::new("/home/me"));
    for (text, expected) in [
        ("/a/$HOME/%2e%2e/*", Some("/a/$HOME/%2e%2e/*")),
        ("/~", Some("/~")),
        ("~", Some("/home/me")),
        ("~/a b", Some("/home/me/a b")),
        ("~//etc", Some("/home/me/etc")),
        ("~other/a", None),
        ("a", None),
        ("", None),
        ("~/a\0b", None),
    ] {
        let path = absolute_or_home(text, home).ok();
        assert_eq!(path.as_deref(), expected.map(Path::new), "{text:?}");
    }
    assert!(absolute_or_home("~", None).is_err());
    assert!(absolute_or_home(&format!("/{}", "a".repeat(4096)), None).is_err());
}
