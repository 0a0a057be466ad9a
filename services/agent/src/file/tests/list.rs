use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::super::list::list;
use super::*;

fn page(path: &Path, page_size: u32, page_token: &str) -> Result<pb::ListDirectoryResponse, Error> {
    let request =
        pb::ListDirectoryRequest { path: path.display().to_string(), page_size, page_token: page_token.to_owned() };
    list(&request, Some(Path::new("/home")))
}

fn names(response: &pb::ListDirectoryResponse) -> Vec<&str> {
    response.entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn directories_come_first_and_then_names_hidden_ones_too() {
    let fixture = Fixture::new();
    let dir = fixture.path("dir");
    for name in ["z", "b", ".git"] {
        std::fs::create_dir_all(dir.join(name)).expect("dir");
    }
    for name in ["a", "B", ".env", "10", "9"] {
        fixture.file(&format!("dir/{name}"), "12");
    }
    symlink("z", dir.join("link")).expect("link");
    symlink("nowhere", dir.join("lost")).expect("link");
    let response = page(&dir, 0, "").expect("listed");
    assert_eq!(names(&response), [".git", "b", "z", ".env", "10", "9", "B", "a", "link", "lost"]);
    assert_eq!((response.next_page_token.as_str(), response.incomplete), ("", false));
    assert_eq!(Path::new(&response.path), dir);
    let file = |at: usize| response.entries[at].file.clone().expect("file");
    assert_eq!(
        (file(0).kind(), file(3).kind(), file(3).size_bytes),
        (pb::FileKind::Directory, pb::FileKind::Regular, 2)
    );
    assert_eq!((file(8).kind(), file(8).symlink_target.as_str()), (pb::FileKind::Symlink, "z"));
    assert_eq!(response.entries[8].target_kind(), pb::FileKind::Directory);
    assert_eq!(response.entries[9].target_kind(), pb::FileKind::Unspecified);
    assert!(response.entries.iter().all(|entry| entry.problem.is_empty() && !entry.lossy_name));
}

#[test]
fn pages_add_up_also_while_entries_come_and_go() {
    let fixture = Fixture::new();
    for number in 0..25 {
        let name = format!("dir/{number:02}");
        match number % 3 {
            0 => std::fs::create_dir_all(fixture.path(&name)).expect("dir"),
            _ => drop(fixture.file(&name, "")),
        }
    }
    let dir = fixture.path("dir");
    let whole = page(&dir, 2000, "").expect("listed");
    for size in [1, 2, 7, 24, 25, 26] {
        let (mut token, mut all) = (String::new(), Vec::new());
        loop {
            let response = page(&dir, size, &token).expect("listed");
            assert!(response.entries.len() <= size as usize);
            all.extend(response.entries);
            token = response.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(all, whole.entries, "pages of {size}");
    }
    let first = page(&dir, 10, "").expect("listed");
    std::fs::remove_file(dir.join("01")).expect("removed");
    std::fs::remove_dir(dir.join("00")).expect("removed");
    let second = page(&dir, 100, &first.next_page_token).expect("listed");
    assert_eq!(second.entries, whole.entries[10..]);
}

#[test]
fn a_page_token_that_is_none_is_refused() {
    let fixture = Fixture::new();
    for token in ["x", "d0", "fzz", "é", "f+1", &"f00".repeat(2000)] {
        assert_eq!(code(page(fixture.dir.path(), 0, token)), Code::InvalidArgument, "{token:?}");
    }
}

#[test]
fn what_is_no_directory_is_an_error_and_home_is_one() {
    let fixture = Fixture::new();
    assert_eq!(code(page(&fixture.file("f", ""), 0, "")), Code::FailedPrecondition);
    assert_eq!(code(page(&fixture.path("missing"), 0, "")), Code::NotFound);
    assert_eq!(code(page(Path::new("relative"), 0, "")), Code::InvalidArgument);
    let request = pb::ListDirectoryRequest { path: "~/below".to_owned(), ..Default::default() };
    std::fs::create_dir_all(fixture.path("home/below/x")).expect("dir");
    let response = list(&request, Some(&fixture.path("home"))).expect("listed");
    assert_eq!(names(&response), ["x"]);
}

#[test]
fn a_name_that_is_no_text_is_listed_and_marked() {
    let fixture = Fixture::new();
    let dir = fixture.path("dir");
    std::fs::create_dir(&dir).expect("dir");
    std::fs::write(dir.join(OsStr::from_bytes(b"caf\xE9")), "12").expect("file");
    std::fs::write(dir.join("z"), "").expect("file");
    let first = page(&dir, 1, "").expect("listed");
    assert_eq!((names(&first), first.entries[0].lossy_name), (vec!["caf\u{FFFD}"], true));
    assert_eq!(first.entries[0].file.as_ref().expect("file").size_bytes, 2);
    assert_eq!(names(&page(&dir, 1, &first.next_page_token).expect("listed")), ["z"]);
}

#[test]
fn an_answer_fits_into_a_message_whatever_the_names_are() {
    let fixture = Fixture::new();
    let dir = fixture.path("dir");
    std::fs::create_dir(&dir).expect("dir");
    for number in 0..400 {
        symlink("t".repeat(4000), dir.join(format!("{number:03}"))).expect("link");
    }
    let first = page(&dir, 2000, "").expect("listed");
    assert!(prost::Message::encoded_len(&first) < 2 << 20);
    let second = page(&dir, 2000, &first.next_page_token).expect("listed");
    assert_eq!(first.entries.len() + second.entries.len(), 400);
}
