//! What a bus over NATS promises of its connection and of its server.

use std::time::Duration;

use bytes::Bytes;
use chatmesh_bus::{Bus, BusError, Filter, Hint, Subject};
use chatmesh_testkit::nats_url;
use futures::FutureExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{DEADLINE, new_topic, next, next_message, number, subscribe, until_end};

/// Speaks NATS by hand, to ask the server whether anybody listens.
struct Prober {
    stream: BufReader<TcpStream>,
    inbox: String,
}

impl Prober {
    async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("nats://");
        let mut stream = BufReader::new(TcpStream::connect(address).await.expect("connected"));
        let inbox = new_topic();
        let hello = "{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}";
        stream.write_all(format!("CONNECT {hello}\r\nSUB {inbox} 1\r\n").as_bytes()).await.expect("sent");
        Self { stream, inbox }
    }

    /// True where a publication reaches nobody: the server answers in the place of a responder.
    async fn nobody_listens(&mut self, subject: &Subject) -> bool {
        let request = format!("PUB {subject} {} 0\r\n\r\nPING\r\n", self.inbox);
        self.stream.write_all(request.as_bytes()).await.expect("sent");
        let mut nobody = false;
        loop {
            let mut line = String::new();
            let read = timeout(DEADLINE, self.stream.read_line(&mut line)).await.expect("in time").expect("a line");
            assert!(read > 0, "the server hung up");
            nobody |= line.contains("NATS/1.0 503");
            if line.trim_end() == "PONG" {
                return nobody;
            }
        }
    }
}

#[tokio::test]
async fn dropping_a_subscription_ends_it_at_the_server() {
    let Some(url) = nats_url() else { return };
    let bus = Bus::connect(&url).await.expect("connected");
    let mut prober = Prober::connect(&url).await;
    let subject = Subject::of(&new_topic(), "x");
    assert!(prober.nobody_listens(&subject).await, "not yet");
    let subscription = subscribe(&bus, &Filter::only(&subject)).await;
    assert!(!prober.nobody_listens(&subject).await, "as soon as it stands");
    drop(subscription);
    let ended = async {
        while !prober.nobody_listens(&subject).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, ended).await.expect("the subscription ends");
}

#[tokio::test]
async fn two_connections_to_one_server_see_each_other() {
    let Some(url) = nats_url() else { return };
    let (one, two) = (Bus::connect(&url).await.expect("connected"), Bus::connect(&url).await.expect("connected"));
    let topic = new_topic();
    let mut at_one = subscribe(&one, &Filter::under(&topic)).await;
    let mut at_two = subscribe(&two, &Filter::under(&topic)).await;
    for (publisher, name) in [(&one, "one"), (&two, "two")] {
        let subject = Subject::of(&topic, name);
        publisher.publish(&subject, number(1)).await;
        for subscription in [&mut at_one, &mut at_two] {
            assert_eq!(next_message(subscription).await, (subject.clone(), number(1)));
        }
    }
}

/// Stands between a bus and its server, and can be cut.
struct Cable {
    listener: TcpListener,
    server: String,
}

impl Cable {
    async fn lay(url: &str) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        (Self { listener, server: url.trim_start_matches("nats://").to_owned() }, format!("nats://{address}"))
    }

    /// Carries connections, one after the other, for as long as it is polled.
    async fn carry(&self) {
        loop {
            let (mut client, _) = self.listener.accept().await.expect("a connection");
            let mut server = TcpStream::connect(&self.server).await.expect("connected");
            // A client that goes away is no failure.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    }
}

#[tokio::test]
async fn a_lost_connection_is_a_gap_and_comes_back() {
    let Some(url) = nats_url() else { return };
    let (cable, detour) = Cable::lay(&url).await;
    let subject = Subject::of(&new_topic(), "x");
    let direct = Bus::connect(&url).await.expect("connected");
    let (bus, mut subscription) = tokio::select! {
        connected = async {
            let bus = Bus::connect(&detour).await.expect("connected");
            let mut subscription = subscribe(&bus, &Filter::only(&subject)).await;
            direct.publish(&subject, Bytes::from_static(b"end")).await;
            until_end(&mut subscription).await;
            (bus, subscription)
        } => connected,
        () = cable.carry() => unreachable!("it carries for ever"),
    };
    // The cable is cut: publishing does nothing, and fails nobody.
    timeout(DEADLINE, bus.publish(&subject, Bytes::from_static(b"into the void"))).await.expect("in time");
    let heals = async {
        while next(&mut subscription).await != Hint::Gap {}
        // The gap is told before the server knows of the subscription again, and may be told more than once.
        loop {
            direct.publish(&subject, Bytes::from_static(b"again")).await;
            if timeout(Duration::from_millis(50), next_message(&mut subscription)).await.is_ok() {
                break;
            }
        }
    };
    tokio::select! {
        healed = timeout(DEADLINE, heals) => healed.expect("it comes back in time"),
        () = cable.carry() => unreachable!("it carries for ever"),
    }
}

/// A process that starts while the bus is away starts.
#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_waited_for() {
    let Some(url) = nats_url() else { return };
    // As long as nobody carries, nobody answers.
    let (cable, detour) = Cable::lay(&url).await;
    let bus = timeout(DEADLINE, Bus::connect(&detour)).await.expect("in time").expect("it is waited for");
    let subject = Subject::of(&new_topic(), "x");
    let filter = Filter::only(&subject);
    // Nobody waits for a server that is known to be away.
    let refused = bus.subscribe(&filter).now_or_never().expect("at once");
    assert!(matches!(refused, Err(BusError::Unavailable(_))), "{refused:?}");
    bus.publish(&subject, number(1)).now_or_never().expect("at once");

    let comes = async {
        let mut subscription = loop {
            match bus.subscribe(&filter).await {
                Ok(subscription) => break subscription,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        bus.publish(&subject, number(2)).await;
        while next(&mut subscription).await != (Hint::Message { subject: subject.clone(), payload: number(2) }) {}
    };
    tokio::select! {
        came = timeout(DEADLINE, comes) => came.expect("it is found in time"),
        () = cable.carry() => unreachable!("it carries for ever"),
    }
}

#[tokio::test]
async fn a_server_that_refuses_us_is_not_waited_for() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("nats://{}", server.local_addr().expect("an address"));
    let refuses = async {
        let (mut client, _) = server.accept().await.expect("a connection");
        let hello =
            "INFO {\"server_id\":\"X\",\"version\":\"2.10.0\",\"auth_required\":true,\"max_payload\":1048576}\r\n";
        client.write_all(hello.as_bytes()).await.expect("sent");
        client.write_all(b"-ERR 'Authorization Violation'\r\n").await.expect("sent");
        let mut client = BufReader::new(client);
        let mut line = String::new();
        while client.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            line.clear();
        }
        std::future::pending::<()>().await;
    };
    let refused = tokio::select! {
        refused = timeout(DEADLINE, Bus::connect(&url)) => refused.expect("in time"),
        () = refuses => unreachable!("it waits for ever"),
    };
    let Err(BusError::Unavailable(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("authorization"), "{reason}");
}
