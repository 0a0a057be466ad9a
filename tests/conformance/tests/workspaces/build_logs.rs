//! What provisioners say of builds.

use chatmesh_workspaces::{
    BuildId, BuildLine, LogLevel, NumberedBuildLine, Outcome, StoreError, Transition, WorkspaceId, WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{LEASE, World, worlds};

impl World {
    fn said(&self, number: i64, text: &str) -> NumberedBuildLine {
        let (stage, text) = ("make it".to_owned(), text.to_owned());
        let level = if number % 2 == 0 { LogLevel::Error } else { LogLevel::Info };
        NumberedBuildLine { number, line: BuildLine { time: self.now, level, stage, text } }
    }

    async fn append(
        &self,
        build: BuildId,
        holder: &str,
        lines: &[(i64, &str)],
    ) -> Result<Option<WorkspaceId>, StoreError> {
        let lines = lines.iter().map(|(number, text)| self.said(*number, text)).collect();
        self.store.append_build_lines(build, holder, lines).await
    }

    async fn log(&self, build: BuildId) -> Vec<(i64, String)> {
        let lines = self.store.list_build_lines(build, 0, 20_000).await.expect("listed");
        lines.into_iter().map(|line| (line.number, line.line.text)).collect()
    }
}

fn numbered(lines: &[(i64, &str)]) -> Vec<(i64, String)> {
    lines.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
}

#[tokio::test]
async fn lines_of_a_build_are_read_back_as_they_were_said() {
    for world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let build = world.lease("p", "t").await.expect("a build").build.id;
        let texts = [(1, ""), (2, "\"quoted\" \\ {json}\t"), (3, "äöü 🦀"), (4, "' OR 1=1")];
        assert_eq!(world.append(build, "p", &texts).await.expect("kept"), Some(id), "{}", world.engine);
        let expected: Vec<_> = texts.iter().map(|(number, text)| world.said(*number, text)).collect();
        let found = world.store.list_build_lines(build, 0, 10).await.expect("listed");
        assert_eq!(found, expected, "{}", world.engine);
        let page = world.store.list_build_lines(build, 1, 2).await.expect("listed");
        assert_eq!(page, expected[1..3], "{}", world.engine);
        let other = world.insert("other").await.build.id;
        assert_eq!(world.log(other).await, [], "{}: logs are kept apart", world.engine);
    }
}

#[tokio::test]
async fn a_line_that_comes_again_is_kept_once_also_from_many_at_once() {
    for world in worlds().await {
        world.insert("dev").await;
        let build = world.lease("p", "t").await.expect("a build").build.id;
        assert!(world.append(build, "p", &[(1, "a"), (2, "b")]).await.expect("kept").is_some());
        assert_eq!(world.append(build, "p", &[(2, "b"), (1, "a")]).await.expect("known"), None, "{}", world.engine);
        let again = (0..8).map(|_| world.append(build, "p", &[(2, "b"), (3, "c"), (6, "f")]));
        let new = join_all(again).await.into_iter().filter(|one| matches!(one, Ok(Some(_)))).count();
        assert_eq!(new, 1, "{}", world.engine);
        // What is missing between two was lost.
        assert_eq!(world.log(build).await, numbered(&[(1, "a"), (2, "b"), (3, "c"), (6, "f")]), "{}", world.engine);
    }
}

#[tokio::test]
async fn the_log_goes_on_where_a_build_moves_to_another_provisioner() {
    for mut world in worlds().await {
        world.insert("dev").await;
        let build = world.lease("one", "t-1").await.expect("a build").build.id;
        world.append(build, "one", &[(1, "a"), (2, "b")]).await.expect("kept");
        let foreign = world.append(build, "two", &[(1, "x")]).await;
        assert!(matches!(foreign, Err(StoreError::LeaseLost)), "{}: {foreign:?}", world.engine);

        world.now += LEASE;
        world.lease("two", "t-2").await.expect("taken over");
        let late = world.append(build, "one", &[(3, "late")]).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{}: {late:?}", world.engine);
        world.append(build, "two", &[(1, "again a"), (2, "again b")]).await.expect("kept");
        let expected = numbered(&[(1, "a"), (2, "b"), (3, "again a"), (4, "again b")]);
        assert_eq!(world.log(build).await, expected, "{}", world.engine);

        world.end(build, "two", Outcome::failed("disk full")).await.expect("ended");
        let late = world.append(build, "two", &[(3, "late")]).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{}: {late:?}", world.engine);
        assert_eq!(world.log(build).await, expected, "{}: what has ended stays", world.engine);
    }
}

#[tokio::test]
async fn of_a_long_log_the_newest_lines_are_kept() {
    for world in worlds().await {
        world.insert("dev").await;
        let build = world.lease("p", "t").await.expect("a build").build.id;
        for first in (1..=12_000).step_by(1000) {
            let lines = (first..first + 1000).map(|number| world.said(number, "x")).collect();
            world.store.append_build_lines(build, "p", lines).await.expect("kept");
        }
        let log = world.log(build).await;
        assert!((9_000..=10_000).contains(&log.len()), "{}: {}", world.engine, log.len());
        assert_eq!(log.last().map(|line| line.0), Some(12_000), "{}", world.engine);
        let first = 12_001 - i64::try_from(log.len()).expect("few");
        assert_eq!(log.first().map(|line| line.0), Some(first), "{}: without gaps", world.engine);

        let long = "x".repeat(8192);
        let lines = (12_001..=12_300).map(|number| world.said(number, &long)).collect();
        world.store.append_build_lines(build, "p", lines).await.expect("kept");
        let log = world.log(build).await;
        assert!(log.len() <= 256, "{}: {} lines of 8 KiB", world.engine, log.len());
        assert_eq!(log.last().map(|line| line.0), Some(12_300), "{}", world.engine);
    }
}

#[tokio::test]
async fn of_a_workspace_the_logs_of_the_latest_twenty_builds_are_kept() {
    for world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let mut builds = Vec::new();
        for number in 0..22 {
            let build = world.lease("p", &format!("t-{number}")).await.expect("a build").build;
            world.append(build.id, "p", &[(1, "x")]).await.expect("kept");
            world.end(build.id, "p", Outcome::failed("no")).await.expect("failed");
            builds.push(build.id);
            world.build(id, Transition::Stop).await.expect("another one");
        }
        let mut kept = Vec::new();
        for build in builds {
            kept.push(world.log(build).await.len());
        }
        let expected: Vec<usize> = [vec![0; 3], vec![1; 19]].concat();
        assert_eq!(kept, expected, "{}: with the one that waits there are 20", world.engine);
    }
}
