//! What callers ask for, rightly and wrongly.

use super::*;

async fn refused(first: Request) -> Code {
    code(Fixture::new().call(None, first).await)
}

/// T01: a first message of more than 64 KiB is rejected.
#[tokio::test]
async fn t01_an_over_long_first_message_is_rejected() {
    let padded = |length| pb::TerminalHeader {
        env: HashMap::from([("PADDING".to_owned(), "x".repeat(length))]),
        ..header(ONE, "true")
    };
    assert_eq!(refused(Request::Header(padded(65_536))).await, Code::InvalidArgument);
    let fixture = Fixture::new();
    fixture.attach(None, padded(65_000)).await.expect("attached");
}

/// T01: anything but a valid header is rejected as the first message. There is one kind of
/// terminal and no other backend to choose.
#[tokio::test]
async fn t01_a_wrong_first_message_is_rejected() {
    let sized = |rows, cols| pb::TerminalHeader { size: Some(size(rows, cols)), ..header(ONE, "") };
    let variable = |name: &str, value: &str| pb::TerminalHeader {
        env: HashMap::from([(name.to_owned(), value.to_owned())]),
        ..header(ONE, "")
    };
    let in_dir = |workdir: &str| pb::TerminalHeader { workdir: workdir.to_owned(), ..header(ONE, "") };
    let headers = [
        header("", ""),
        header("not-a-uuid", ""),
        header(ONE, "a\0b"),
        sized(0, 80),
        sized(24, 0),
        sized(1001, 80),
        sized(24, 1001),
        sized(65_536 + 24, 80),
        in_dir("relative"),
        in_dir("/a\0b"),
        variable("", "x"),
        variable("A=B", "x"),
        variable("A", "x\0"),
        variable("CHATMESH_CHAT_ID", "x"),
    ];
    for header in headers {
        assert_eq!(refused(Request::Header(header.clone())).await, Code::InvalidArgument, "{header:?}");
    }
    assert_eq!(refused(Request::Data(Bytes::from_static(b"x"))).await, Code::InvalidArgument);
    assert_eq!(refused(Request::Resize(size(24, 80))).await, Code::InvalidArgument);
    let nothing = attach(&Fixture::new().terminals, None, futures::stream::empty()).await;
    assert_eq!(code(nothing), Code::InvalidArgument);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_sends_no_header_is_given_up_after_30_seconds() {
    let began = tokio::time::Instant::now();
    let silent = attach(&Fixture::new().terminals, None, futures::stream::pending()).await;
    assert_eq!(code(silent), Code::DeadlineExceeded);
    assert_eq!(began.elapsed().as_secs(), 30);
}

/// T01: a wrong message ends the call that it belongs to, and not the terminal.
#[tokio::test]
async fn t01_a_wrong_message_ends_the_call_only() {
    let fixture = Fixture::new();
    let _other = fixture.open("cat").await;
    let wrong = [
        Request::Header(header(ONE, "")),
        Request::Resize(size(0, 80)),
        Request::Resize(size(24, 1001)),
        Request::Data(Bytes::from(vec![b'x'; 64 * 1024 + 1])),
    ];
    for body in wrong {
        let mut caller = fixture.attach(None, header(ONE, "")).await.expect("attached");
        caller.send(body);
        assert_eq!(caller.error().await.code(), Code::InvalidArgument);
        assert!(caller.responses.next().await.is_none());
    }
    let mut caller = fixture.attach(None, header(ONE, "")).await.expect("attached");
    assert!(!caller.attached.created);
    caller.send(Request::Data(Bytes::new()));
    caller.write("alive\n");
    caller.until("alive").await;
}

#[tokio::test]
async fn a_caller_that_sends_no_more_goes_on_to_receive() {
    let fixture = Fixture::new();
    let mut caller = fixture.open("cat").await;
    caller.write("typed\n");
    caller.messages.close_channel();
    caller.until("typed\r\ntyped\r\n").await;
    let other = fixture.attach(None, header(ONE, "")).await.expect("attached");
    other.write("more\n");
    caller.until("more\r\nmore\r\n").await;
}

#[tokio::test]
async fn a_program_that_does_not_read_holds_up_its_input_and_not_its_output() {
    let fixture = Fixture::new();
    let mut caller =
        fixture.open("stty raw -echo; echo ready; read line; while :; do echo tick; sleep 0.01; done").await;
    caller.until("ready").await;
    caller.write("\n");
    for _ in 0..100 {
        caller.send(Request::Data(Bytes::from(vec![b'x'; 64 * 1024])));
    }
    caller.until("tick").await;
    caller.seen.clear();
    caller.until("tick").await;
    caller.send(Request::Resize(size(24, 80)));
    fixture.terminals.end(None, ONE.parse().expect("id")).await.expect("ended");
    caller.exit().await;
}

#[tokio::test]
async fn a_real_shell_runs_as_a_login_shell_with_job_control() {
    let fixture = Fixture::new();
    let env = HashMap::from([("SHELL".to_owned(), "/bin/sh".to_owned()), ("PS1".to_owned(), "> ".to_owned())]);
    let mut caller = fixture.attach(None, pb::TerminalHeader { env, ..header(ONE, "") }).await.expect("attached");
    caller.write("echo $0 is $((40 + 2))\n");
    caller.until("-sh is 42\r\n").await;
    caller.write("PS1='next''> '\n");
    caller.until("next> ").await;
    caller.write("sh -c 'trap \"exit 1\" INT; echo wait\"\"ing; while :; do sleep 0.01; done'\n");
    caller.until("\nwaiting\r\n").await;
    caller.seen.clear();
    // Interrupts the command and not the shell.
    caller.write("\x03");
    caller.until("next> ").await;
    caller.write("echo still $((1 + 1)) here\n");
    caller.until("still 2 here\r\n").await;
    caller.write("exit 6\n");
    assert_eq!(caller.exit().await.exit_code, 6);
}

#[tokio::test]
async fn a_program_that_can_not_start_says_why() {
    let fixture = Fixture::new();
    let elsewhere = pb::TerminalHeader { workdir: "/no/such/place".to_owned(), ..header(ONE, "true") };
    let error = fixture.attach(None, elsewhere).await.err().expect("refused");
    assert!(error.to_string().ends_with("does not exist"), "{error}");
    assert_eq!(Status::from(error).code(), Code::FailedPrecondition);
    assert_eq!(fixture.terminals.count(), 0);

    let absent = pb::TerminalHeader { existing_only: true, ..header(ONE, "true") };
    assert_eq!(code(fixture.attach(None, absent).await), Code::NotFound);
}
