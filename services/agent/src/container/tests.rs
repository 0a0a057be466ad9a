//! Lists of containers, from a runtime of our own that speaks the real protocol.

mod daemon;

use std::path::Path;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_rpc::Code;
use prost::Message as _;
use tokio::time::Instant;
use tonic::Status;

use super::ContainerApi;
use super::error::Error;
use daemon::{Daemon, Step, chunked, plain};

const TWO: &str = r#"[
    {"Id":"b1","Names":["/web","/alias/web"],"Image":"nginx:1","State":"running","Status":"Up 2 hours",
     "Labels":{"a":"1","b":""},"Created":1767225600,"Command":"nginx","HostConfig":{"NetworkMode":"default"},
     "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":443,"Type":"tcp"}]},
    {"Id":"a1","Names":["/db"],"Image":"postgres","State":"exited","Status":"Exited (0)","Labels":null,"Ports":null,
     "Created":1767225600}]"#;

fn api(socket: &Path) -> ContainerApi {
    ContainerApi::new(&[("DOCKER_HOST".into(), format!("unix://{}", socket.display()).into())])
}

fn label(key: &str, value: Option<&str>) -> pb::LabelFilter {
    pb::LabelFilter { key: key.to_owned(), value: value.map(str::to_owned) }
}

async fn list(daemon: &Daemon) -> Result<pb::ListContainersResponse, Error> {
    api(&daemon.socket).list(&[]).await
}

fn code(error: Error) -> Code {
    Status::from(error).code()
}

#[tokio::test]
async fn containers_are_listed_by_name_with_all_that_is_known() {
    for answer in [plain("200 OK", TWO), chunked("200 OK", TWO, 7), chunked("200 OK", TWO, 4096)] {
        let daemon = Daemon::start(answer);
        let response = list(&daemon).await.expect("listed");
        assert_eq!(response.warnings, Vec::<String>::new());
        let [db, web] = response.containers.as_slice() else { panic!("{response:?}") };
        assert_eq!(
            (db.id.as_str(), db.names.as_slice(), db.state()),
            ("a1", &["db".to_owned()][..], pb::ContainerState::Exited)
        );
        assert!(db.labels.is_empty() && db.ports.is_empty());
        assert_eq!((web.id.as_str(), web.image.as_str(), web.status.as_str()), ("b1", "nginx:1", "Up 2 hours"));
        assert_eq!(
            (web.names.as_slice(), web.state()),
            (&["web".to_owned(), "alias/web".to_owned()][..], pb::ContainerState::Running)
        );
        assert_eq!(web.labels.get("a").map(String::as_str), Some("1"));
        assert_eq!(web.create_time.as_ref().map(|time| time.seconds), Some(1_767_225_600));
        let ports: Vec<_> =
            web.ports.iter().map(|port| (port.container_port, port.host_port, port.host_ip.as_str())).collect();
        assert_eq!(ports, [(80, Some(8080), "0.0.0.0"), (443, None, "")]);
        assert_eq!(daemon.request().await, "GET /containers/json?all=true&limit=1001 HTTP/1.1");
    }
}

#[tokio::test]
async fn labels_reach_the_runtime_whatever_is_in_them_and_wrong_ones_do_not() {
    let daemon = Daemon::start(plain("200 OK", "[]"));
    let labels = [label("k", None), label("a.b/c", Some("1&2 = \"3\" +#%é")), label("empty", Some(""))];
    let response = api(&daemon.socket).list(&labels).await.expect("listed");
    assert_eq!(response, pb::ListContainersResponse::default());
    let request = daemon.request().await;
    let target = request.split(' ').nth(1).expect("target");
    let url = url::Url::parse(&format!("http://docker{target}")).expect("a valid path");
    let filters = url.query_pairs().find(|(name, _)| name == "filters").expect("filters").1;
    assert_eq!(filters, r##"{"label":["k","a.b/c=1&2 = \"3\" +#%é","empty="]}"##);

    let long = "x".repeat(4097);
    let many: Vec<_> = (0..65).map(|number| label(&number.to_string(), None)).collect();
    for wrong in [&[label("", None)][..], &[label("a=b", None)], &[label("k", Some(&long))], &many] {
        assert_eq!(code(api(&daemon.socket).list(wrong).await.expect_err("refused")), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn more_than_a_thousand_containers_are_cut_and_said() {
    let containers: Vec<String> =
        (0..1001).rev().map(|number| format!(r#"{{"Id":"{number:04}","Names":["/n{number:04}"]}}"#)).collect();
    let daemon = Daemon::start(chunked("200 OK", &format!("[{}]", containers.join(",")), 1000));
    let response = list(&daemon).await.expect("listed");
    let names: Vec<_> = response.containers.iter().map(|container| container.names[0].as_str()).collect();
    assert_eq!((names.len(), names[0], names[999]), (1000, "n0000", "n0999"));
    assert!(names.is_sorted());
    let [warning] = response.warnings.as_slice() else { panic!("{:?}", response.warnings) };
    assert!(warning.contains("more than 1000 containers"), "{warning}");
}

#[tokio::test]
async fn a_list_that_fits_into_no_message_is_cut_and_said() {
    let container = |number: usize| {
        format!(r#"{{"Id":"{number}","Names":["/{number}"],"Labels":{{"l":"{}"}}}}"#, "x".repeat(1024 * 1024 - 100))
    };
    let containers: Vec<String> = (0..5).map(container).collect();
    let daemon = Daemon::start(plain("200 OK", &format!("[{}]", containers.join(","))));
    let response = list(&daemon).await.expect("listed");
    assert_eq!((response.containers.len(), response.warnings.len()), (3, 1));
    assert!(response.encoded_len() < 4 * 1024 * 1024);
}

#[tokio::test]
async fn what_the_runtime_says_is_wrong_is_passed_on() {
    let complaint = r#"{"message":"the storage is broken"}"#;
    for (answer, expected) in [
        (plain("500 Internal Server Error", complaint), "500 Internal Server Error: the storage is broken"),
        (chunked("400 Bad Request", complaint, 3), "400 Bad Request: the storage is broken"),
        (plain("403 Forbidden", "not for you"), "403 Forbidden: not for you"),
        (plain("301 Moved Permanently", ""), "301 Moved Permanently: "),
    ] {
        let error = list(&Daemon::start(answer)).await.expect_err("refused");
        assert_eq!(error.to_string(), format!("the container runtime answered {expected}"));
        assert_eq!(code(error), Code::Unavailable);
    }
    let long =
        list(&Daemon::start(plain("500 Internal Server Error", &"x".repeat(100_000)))).await.expect_err("refused");
    assert!(long.to_string().len() < 600);
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    let cut = |answer: Vec<Step>| {
        let mut answer = answer;
        answer.truncate(answer.len() / 2);
        answer.push(Step::Close);
        answer
    };
    for (answer, expected) in [
        (plain("200 OK", "<html>"), "no list of containers"),
        (plain("200 OK", r#"{"Id":"1"}"#), "no list of containers"),
        (plain("200 OK", r#"[{"Id":1}]"#), "no list of containers"),
        (vec![Step::Send(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), Step::Close], "can not be used"),
        (vec![Step::Close], "can not be used"),
        (cut(chunked("200 OK", TWO, 7)), "can not be used"),
    ] {
        let error = list(&Daemon::start(answer)).await.expect_err("an error");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(code(error), Code::Unavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_hangs_is_given_up_after_fifteen_seconds() {
    let mut hangs_within = chunked("200 OK", TWO, 7);
    hangs_within.truncate(5);
    hangs_within.push(Step::Hang);
    for answer in [vec![Step::Hang], hangs_within] {
        let daemon = Daemon::start(answer);
        let began = Instant::now();
        let error = list(&daemon).await.expect_err("given up");
        assert_eq!(began.elapsed().as_secs(), 15);
        assert!(error.to_string().contains("within 15 seconds"), "{error}");
        assert_eq!(code(error), Code::DeadlineExceeded);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_each_other_no_longer_than_for_the_runtime() {
    let daemon = Daemon::start(vec![Step::Hang]);
    let api = api(&daemon.socket);
    let began = Instant::now();
    let errors = futures::future::join_all((0..20).map(|_| api.list(&[]))).await;
    assert!(errors.into_iter().all(|error| code(error.expect_err("given up")) == Code::DeadlineExceeded));
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let daemon = Daemon::start(vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Step::Forever([&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat()),
    ]);
    let error = list(&daemon).await.expect_err("too large");
    assert!(error.to_string().contains("more than 16777216 bytes"), "{error}");
    assert_eq!(code(error), Code::ResourceExhausted);
}

#[tokio::test]
async fn without_a_runtime_the_error_says_what_to_do() {
    let dir = tempfile::tempdir().expect("dir");
    let missing = api(&dir.path().join("docker.sock")).list(&[]).await.expect_err("missing");
    assert!(missing.to_string().contains("there is no Docker socket at"), "{missing}");
    let dead = dir.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("socket"));
    let not_running = api(&dead).list(&[]).await.expect_err("nobody listens");
    assert!(not_running.to_string().contains("nothing listens on"), "{not_running}");
    let remote = ContainerApi::new(&[("DOCKER_HOST".into(), "tcp://host:2375".into())]);
    let remote = remote.list(&[]).await.expect_err("no socket");
    assert!(remote.to_string().contains("`tcp://host:2375`, and only sockets"), "{remote}");
    let forbidden = Error::connect(&dead, &std::io::ErrorKind::PermissionDenied.into());
    assert!(forbidden.to_string().contains("let its user into the group"), "{forbidden}");
    for error in [missing, not_running, remote, forbidden] {
        assert_eq!(code(error), Code::FailedPrecondition);
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_room_for_others() {
    let hanging = Daemon::start(vec![Step::Hang]);
    let api = api(&hanging.socket);
    for _ in 0..20 {
        let _ = tokio::time::timeout(Duration::from_millis(1), api.list(&[])).await;
    }
    drop(hanging);
    let error = api.list(&[]).await.expect_err("gone");
    assert_eq!(code(error), Code::FailedPrecondition);
}
