//! Who sees which processes, and for how long.

use super::*;

/// P06, G23: other chats are not there.
#[tokio::test]
async fn p06_a_chat_sees_its_own_processes_and_those_of_no_chat() {
    let fixture = Fixture::new();
    let mine = id(&fixture.start_as(Some("mine"), request("sleep 1000")).await.expect("started"));
    let other = id(&fixture.start_as(Some("other"), request("sleep 1000")).await.expect("started"));
    let nobodys = fixture.start("sleep 1000").await;
    let chat = ChatId::for_test("mine");
    let ids = |chat| -> Vec<Uuid> {
        let processes = fixture.manager.list(chat);
        processes.iter().map(|process| process.id.parse().expect("id")).collect()
    };

    assert_eq!(ids(Some(&chat)), [nobodys, mine]);
    assert_eq!(ids(None), [nobodys, other, mine]);
    for result in [
        fixture.manager.wait(Some(&chat), other, Duration::ZERO).await.map(drop),
        fixture.manager.signal(Some(&chat), other, Signal::SIGKILL),
    ] {
        assert_eq!(code(result.expect_err("not visible")), Code::NotFound);
    }
    fixture.manager.signal(Some(&chat), nobodys, Signal::SIGKILL).expect("visible");
    fixture.manager.close().await;
}

/// P06: the environment.
#[tokio::test]
async fn p06_a_process_knows_its_chat_and_workspace_and_not_the_token() {
    let fixture = Fixture::new();
    let request = pb::StartProcessRequest {
        env: HashMap::from([("GREETING".to_owned(), "hello".to_owned())]),
        ..request("env | grep -E '^(CHATMESH|GREETING)' | sort")
    };
    let started = fixture.start_as(Some("c1"), request).await.expect("started");
    let expected = "CHATMESH_AGENT=true\nCHATMESH_CHAT_ID=c1\nCHATMESH_WORKSPACE_ID=w1\nGREETING=hello\n";
    assert_eq!(fixture.wait(id(&started)).await.output.text, expected);
}

#[tokio::test]
async fn p06_a_list_has_running_ones_first_then_the_newest_and_ten_at_most() {
    let fixture = Fixture::new();
    let running = fixture.start("sleep 1000").await;
    let mut ended = Vec::new();
    for _ in 0..12 {
        ended.push(fixture.start("true").await);
    }
    for id in &ended {
        fixture.wait(*id).await;
    }
    let expected: Vec<String> =
        std::iter::once(running).chain(ended.into_iter().rev()).take(10).map(|id| id.to_string()).collect();
    let listed: Vec<String> = fixture.manager.list(None).into_iter().map(|process| process.id).collect();
    assert_eq!(listed, expected);
    fixture.manager.close().await;
}

/// P07, G23: the table does not grow.
#[tokio::test]
async fn p07_an_ended_process_is_kept_for_five_minutes_and_a_running_one_for_ever() {
    let fixture = Fixture::new();
    let running = fixture.start("sleep 1000").await;
    let ended = id(&fixture.start_as(None, keyed("exit 7", "k")).await.expect("started"));
    fixture.wait(ended).await;
    until_receipt_is_final(&fixture, "exit 7", "k").await;
    tokio::time::pause();

    tokio::time::advance(Duration::from_secs(299)).await;
    settle().await;
    assert_eq!(fixture.manager.list(None).len(), 2);
    tokio::time::advance(Duration::from_secs(3)).await;
    let began = std::time::Instant::now();
    while fixture.manager.list(None).len() > 1 {
        assert!(began.elapsed() < LONG, "the process is not reaped");
        tokio::task::yield_now().await;
    }
    let error = fixture.manager.wait(None, ended, Duration::ZERO).await.expect_err("reaped");
    assert!(matches!(error, Error::Reaped { exit_code: 7, .. }), "{error}");
    tokio::time::advance(Duration::from_secs(86_400)).await;
    settle().await;
    let listed = fixture.manager.list(None);
    assert_eq!((listed.len(), listed[0].id.clone()), (1, running.to_string()));
    tokio::time::resume();
    fixture.manager.close().await;
}

/// P07: what is left of a process.
#[tokio::test]
async fn p07_a_process_without_a_key_is_known_to_have_ended_after_it_was_reaped() {
    let fixture = Fixture::with(Limits { retention: Duration::ZERO, ..Limits::default() });
    let mine = id(&fixture.start_as(Some("mine"), request("exit 7")).await.expect("started"));
    let reaped = async {
        while !fixture.manager.list(None).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, reaped).await.expect("it is reaped");
    let error = fixture.manager.wait(None, mine, Duration::ZERO).await.expect_err("reaped");
    assert!(matches!(error, Error::Reaped { exit_code: 7, .. }), "{error}");
    let error = fixture.manager.signal(None, mine, Signal::SIGTERM).expect_err("it has ended");
    assert_eq!(code(error), Code::FailedPrecondition);
    let other = ChatId::for_test("other");
    let error = fixture.manager.wait(Some(&other), mine, Duration::ZERO).await.expect_err("hidden");
    assert_eq!(code(error), Code::NotFound);
}

/// Lets tasks whose time has come run.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
