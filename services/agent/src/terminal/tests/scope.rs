//! Who reaches which terminals, what their programs know, and how many there may be.

use super::*;

#[tokio::test]
async fn a_chat_reaches_its_own_terminals_and_those_of_no_chat() {
    let fixture = Fixture::new();
    fixture.attach(Some("mine"), header(ONE, "cat")).await.expect("attached");
    fixture.attach(None, header(TWO, "cat")).await.expect("attached");
    let ids = |chat: Option<&str>| -> Vec<String> {
        let chat = chat.map(ChatId::for_test);
        fixture.terminals.list(chat.as_ref()).into_iter().map(|terminal| terminal.id).collect()
    };
    assert_eq!(ids(Some("mine")), [TWO, ONE], "the newest first");
    assert_eq!(ids(None), [TWO, ONE]);
    assert_eq!(ids(Some("other")), [TWO]);

    assert_eq!(code(fixture.attach(Some("other"), header(ONE, "cat")).await), Code::NotFound);
    let (id, other) = (ONE.parse().expect("id"), ChatId::for_test("other"));
    assert_eq!(code(fixture.terminals.end(Some(&other), id).await), Code::NotFound);
    assert!(!fixture.attach(Some("other"), header(TWO, "")).await.expect("visible").attached.created);
    assert!(!fixture.attach(None, header(ONE, "")).await.expect("visible").attached.created);
    fixture.terminals.end(Some(&ChatId::for_test("mine")), id).await.expect("ended");
    assert_eq!(ids(None), [TWO]);
}

#[tokio::test]
async fn a_program_knows_its_terminal_chat_and_workspace_and_not_the_token() {
    let fixture = Fixture::new();
    let command = "echo [$TERM] [$CHATMESH_CHAT_ID] [$CHATMESH_WORKSPACE_ID] [$CHATMESH_AGENT_TOKEN] [$MORE]; tty; pwd";
    let env = HashMap::from([("MORE".to_owned(), "m".to_owned())]);
    let header = pb::TerminalHeader { env, ..header(ONE, command) };
    let mut caller = fixture.attach(Some("c1"), header).await.expect("attached");
    let workdir = caller.attached.terminal.clone().expect("terminal").workdir;
    caller.exit().await;
    let seen = String::from_utf8(caller.seen).expect("text");
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines[0], "[xterm-256color] [c1] [w1] [] [m]");
    assert!(lines[1].starts_with("/dev/pts/"), "{seen}");
    assert_eq!(lines[2], workdir);
}

#[tokio::test]
async fn terminals_and_viewers_have_bounds() {
    let fixture = Fixture::with(Limits { open: 1, viewers: 2, ..Limits::default() });
    let _one = fixture.open("cat").await;
    assert_eq!(code(fixture.attach(None, header(TWO, "cat")).await), Code::ResourceExhausted);
    let two = fixture.attach(None, header(ONE, "")).await.expect("attached");
    let error = fixture.attach(None, header(ONE, "")).await.err().expect("too many");
    assert!(matches!(error, Error::TooManyViewers(2)), "{error}");
    drop(two);
    fixture.attach(None, header(ONE, "")).await.expect("there is room again");
}
