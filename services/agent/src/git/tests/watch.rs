//! What a stream of changes tells.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::watch_changes_response::Event;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

use super::*;
use crate::chat::ChatId;
use crate::git::GitApi;
use crate::git::viewer::Answer;
use crate::touched::Touched;

/// Longer than anything takes that is to happen.
const LONG: Duration = Duration::from_secs(90);

/// A stream and how to speak to it.
pub(super) struct Watch {
    answers: BoxStream<'static, Answer>,
    requests: mpsc::Sender<Result<pb::WatchChangesRequest, Status>>,
}

impl Watch {
    pub(super) fn begin(api: &GitApi, chat: Option<&str>) -> Self {
        let (requests, mut receiver) = mpsc::channel(8);
        let messages = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        let answers = api.watch(chat.map(ChatId::for_test).as_ref(), messages).expect("begun").boxed();
        Self { answers, requests }
    }

    pub(super) async fn ask(&self, refresh: bool, paths: &[&Path]) {
        let paths = paths.iter().map(|path| path.display().to_string()).collect();
        self.requests.send(Ok(pb::WatchChangesRequest { refresh, paths })).await.expect("the stream is open");
    }

    async fn event(&mut self) -> Event {
        let answer = timeout(LONG, self.answers.next()).await.expect("an answer comes").expect("the stream is open");
        answer.expect("no error").event.expect("an event")
    }

    pub(super) async fn repository(&mut self) -> pb::Repository {
        match self.event().await {
            Event::Repository(repository) => repository,
            Event::Problem(problem) => panic!("{problem:?}"),
        }
    }

    pub(super) async fn problem(&mut self) -> pb::WatchProblem {
        match self.event().await {
            Event::Problem(problem) => problem,
            Event::Repository(repository) => panic!("{repository:?}"),
        }
    }

    /// Takes what is there.
    pub(super) fn drain(&mut self) {
        while self.answers.next().now_or_never().is_some() {}
    }

    pub(super) async fn is_silent_for(&mut self, duration: Duration) {
        let answer = timeout(duration, self.answers.next()).await;
        assert!(answer.is_err(), "not silent: {answer:?}");
    }
}

fn api() -> (GitApi, Touched) {
    let touched = Touched::default();
    (GitApi::new(touched.clone()), touched)
}

/// G01: unchanged -> silent, fallback poll.
#[tokio::test(start_paused = true)]
async fn g01_a_change_that_nobody_tells_of_is_found_within_thirty_seconds_and_no_change_is_silent() {
    let repository = Repository::with(&[("f", "1\n")]);
    let (api, touched) = api();
    touched.touch(Some(&ChatId::for_test("c")), &repository.path("f"));
    let mut watch = Watch::begin(&api, Some("c"));
    let first = watch.repository().await;
    assert_eq!(Path::new(&first.repo_root), repository.root);
    assert_eq!((first.branch.as_str(), first.unified_diff.as_str(), first.removed), ("main", "", false));
    watch.is_silent_for(Duration::from_secs(600)).await;

    repository.write("f", "2\n");
    let began = Instant::now();
    assert!(watch.repository().await.unified_diff.contains("+2\n"));
    assert!(began.elapsed() <= Duration::from_secs(31), "{:?}", began.elapsed());
    repository.git(&["switch", "--quiet", "--create", "other"]);
    assert_eq!(watch.repository().await.branch, "other");
    repository.commit();
    let committed = watch.repository().await;
    assert_eq!((committed.unified_diff.as_str(), committed.head_commit), ("", repository.git(&["rev-parse", "HEAD"])));
    watch.is_silent_for(Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn g01_a_request_or_a_touch_of_any_path_is_answered_within_the_cooldown() {
    let repository = Repository::with(&[("f", "1\n")]);
    let (api, touched) = api();
    let chat = ChatId::for_test("c");
    touched.touch(Some(&chat), &repository.root);
    let mut watch = Watch::begin(&api, Some("c"));
    watch.repository().await;
    for number in 0..6 {
        repository.write("f", number.to_string());
        let began = Instant::now();
        match number % 2 {
            0 => watch.ask(true, &[]).await,
            // As when a process ends that worked somewhere else.
            _ => touched.touch(Some(&chat), Path::new("/nowhere")),
        }
        assert!(watch.repository().await.unified_diff.contains(&format!("+{number}\n")));
        assert!(began.elapsed() <= Duration::from_millis(1100), "{:?}", began.elapsed());
    }
}

/// G01: path added between read and subscribe.
#[tokio::test(start_paused = true)]
async fn g01_a_path_that_is_touched_while_the_stream_begins_is_watched() {
    let (first, second) = (Repository::with(&[]), Repository::with(&[]));
    let (api, touched) = api();
    let mut watch = Watch::begin(&api, Some("c"));
    // The stream follows touches from its beginning, and reads what was touched when it first runs.
    touched.touch(Some(&ChatId::for_test("c")), &first.root);
    assert_eq!(Path::new(&watch.repository().await.repo_root), first.root);
    let began = Instant::now();
    touched.touch(Some(&ChatId::for_test("c")), &second.path("new/file"));
    assert_eq!(Path::new(&watch.repository().await.repo_root), second.root);
    assert!(began.elapsed() <= Duration::from_millis(1100), "{:?}", began.elapsed());
    touched.touch(Some(&ChatId::for_test("other")), &Repository::with(&[]).root);
    watch.is_silent_for(Duration::from_secs(120)).await;
}

/// G01: removed repo.
#[tokio::test(start_paused = true)]
async fn g01_a_repository_that_goes_away_is_told_once_and_watched_again_when_it_comes_back() {
    let repository = Repository::with(&[("f", "1\n")]);
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    watch.ask(false, &[&repository.path("f")]).await;
    watch.repository().await;
    std::fs::rename(repository.path(".git"), repository.path("git")).expect("moved");
    let gone = watch.repository().await;
    assert!(gone.removed && gone.branch.is_empty() && gone.unified_diff.is_empty(), "{gone:?}");
    assert_eq!(Path::new(&gone.repo_root), repository.root);
    watch.ask(true, &[]).await;
    watch.is_silent_for(Duration::from_secs(120)).await;
    std::fs::rename(repository.path("git"), repository.path(".git")).expect("moved");
    assert_eq!(watch.repository().await.branch, "main");
}

/// G01: removed repo.
#[tokio::test(start_paused = true)]
async fn g01_the_paths_of_a_repository_that_went_away_belong_to_the_one_around_it() {
    let repository = Repository::with(&[("f", "1\n")]);
    std::fs::create_dir(repository.path("inner")).expect("dir");
    git(&repository.path("inner"), &["init", "--quiet"]);
    repository.write("inner/f", "inner\n");
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    watch.ask(false, &[&repository.path("inner/f")]).await;
    assert_eq!(Path::new(&watch.repository().await.repo_root), repository.path("inner"));
    std::fs::remove_dir_all(repository.path("inner/.git")).expect("removed");
    assert!(watch.repository().await.removed);
    let around = watch.repository().await;
    assert_eq!(Path::new(&around.repo_root), repository.root);
    assert!(around.unified_diff.contains("+++ b/inner/f\n"), "{}", around.unified_diff);
}

#[tokio::test(start_paused = true)]
async fn g01_a_path_in_no_repository_waits_for_one() {
    let dir = tempfile::tempdir().expect("dir");
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    watch.ask(true, &[&dir.path().join("later/f")]).await;
    watch.is_silent_for(Duration::from_secs(120)).await;
    std::fs::create_dir(dir.path().join("later")).expect("dir");
    git(&dir.path().join("later"), &["init", "--quiet", "--initial-branch=main"]);
    assert_eq!(watch.repository().await.branch, "main");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_path_or_a_broken_repository_is_a_problem_and_the_stream_goes_on() {
    let repository = Repository::with(&[("f", "1\n")]);
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    watch.ask(true, &[Path::new("relative"), &repository.root]).await;
    let problem = watch.problem().await;
    assert_eq!(problem.repo_root, "");
    assert!(problem.message.contains("\"relative\" is not an absolute path"), "{}", problem.message);
    let first = watch.repository().await;
    repository.write(".git/HEAD", "nonsense");
    let problem = watch.problem().await;
    assert_eq!(problem.repo_root, first.repo_root);
    watch.is_silent_for(Duration::from_secs(120)).await;
    repository.write(".git/HEAD", "ref: refs/heads/main\n");
    watch.is_silent_for(Duration::from_secs(120)).await;
    repository.write("f", "2\n");
    assert!(watch.repository().await.unified_diff.contains("+2\n"));
}

#[tokio::test(start_paused = true)]
async fn paths_are_bounded_on_each_stream() {
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    let paths: Vec<PathBuf> = (0..257).map(|number| PathBuf::from(format!("/nowhere/{number}"))).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    watch.ask(false, &paths[..256]).await;
    watch.ask(false, &paths[..256]).await;
    watch.ask(false, &paths[256..]).await;
    let problem = watch.problem().await;
    assert_eq!(problem.message, "\"/nowhere/256\" is not watched: 256 paths are already");
    watch.is_silent_for(Duration::from_secs(120)).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_requests_does_not_end_the_stream_and_a_shutdown_does() {
    let repository = Repository::with(&[("f", "1\n")]);
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    watch.ask(false, &[&repository.root]).await;
    let Watch { answers, requests } = &mut watch;
    answers.next().await.expect("open").expect("a repository");
    *requests = mpsc::channel(1).0;
    repository.write("f", "2\n");
    assert!(watch.repository().await.unified_diff.contains("+2\n"));
    api.close();
    let status = watch.answers.next().await.expect("an end").expect_err("an error");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(watch.answers.next().await.is_none());
    let mut late = Watch::begin(&api, None);
    assert_eq!(late.answers.next().await.expect("an end").expect_err("an error").code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_and_those_that_end_make_room() {
    let (api, _) = api();
    let streams: Vec<Watch> = (0..128).map(|_| Watch::begin(&api, None)).collect();
    let requests = futures::stream::pending().boxed();
    let error = api.watch(None, requests).err().expect("too many");
    assert_eq!(Status::from(error).code(), Code::ResourceExhausted);
    drop(streams);
    while api.watch(None, futures::stream::pending().boxed()).is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_newest_and_not_all_that_was() {
    let repository = Repository::with(&[("f", "1\n")]);
    let (api, _) = api();
    let mut watch = Watch::begin(&api, None);
    watch.ask(false, &[&repository.root]).await;
    watch.repository().await;
    for number in 0..5 {
        repository.write("f", number.to_string());
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let mut last = watch.repository().await;
    let mut count = 1;
    while let Some(answer) = timeout(Duration::from_secs(60), watch.answers.next()).now_or_never().and_then(Result::ok)
    {
        let Some(Event::Repository(repository)) = answer.expect("open").expect("no error").event else { panic!() };
        last = repository;
        count += 1;
    }
    assert!(count <= 3, "{count} messages were kept");
    while !last.unified_diff.contains("+4\n") {
        last = watch.repository().await;
        count += 1;
    }
    assert!(count <= 3, "{count} messages");
}
