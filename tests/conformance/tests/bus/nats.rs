//! What a bus over NATS promises of its connection and of its server.

use std::time::Duration;

use bytes::Bytes;
use chatmesh_bus::{Bus, Filter, Hint, Subject};
use chatmesh_testkit::nats_url;
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
            tokio::task::yield_now().await;
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
        // The gap is told before the server knows of the subscription again.
        loop {
            direct.publish(&subject, Bytes::from_static(b"again")).await;
            if let Ok(hint) = timeout(Duration::from_millis(50), subscription.next()).await {
                break assert!(matches!(hint, Some(Hint::Message { .. })), "{hint:?}");
            }
        }
    };
    tokio::select! {
        healed = timeout(DEADLINE, heals) => healed.expect("it comes back in time"),
        () = cable.carry() => unreachable!("it carries for ever"),
    }
}
