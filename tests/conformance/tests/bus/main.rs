//! What the bus promises, in memory and over NATS.

mod nats;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_bus::{Bus, BusError, Filter, Hint, Subject, Subscription};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_testkit::{buses, nats_url};
use futures::FutureExt as _;
use futures::future::join_all;
use tokio::time::timeout;

/// How long anything here may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// More than a subscription holds.
const FLOOD: usize = 10_000;

/// A topic that no other test uses.
fn new_topic() -> String {
    format!("test-{}", SystemIds.next().simple())
}

fn number(number: usize) -> Bytes {
    Bytes::from(number.to_string())
}

/// A server that is busy for a moment is asked again.
async fn subscribe(bus: &Bus, filter: &Filter) -> Subscription {
    let stands = async {
        loop {
            match bus.subscribe(filter).await {
                Ok(subscription) => break subscription,
                Err(BusError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    timeout(DEADLINE, stands).await.expect("subscribed in time")
}

async fn next(subscription: &mut Subscription) -> Hint {
    timeout(DEADLINE, subscription.next()).await.expect("in time").expect("the bus is there")
}

/// The next message; a new connection may say that there was a gap, and that is no lie.
async fn next_message(subscription: &mut Subscription) -> (Subject, Bytes) {
    loop {
        if let Hint::Message { subject, payload } = next(subscription).await {
            return (subject, payload);
        }
    }
}

/// Hears everything until a hint with the payload `end`.
async fn until_end(subscription: &mut Subscription) -> Vec<Hint> {
    let mut heard = Vec::new();
    loop {
        match next(subscription).await {
            Hint::Message { payload, .. } if payload == "end" => return heard,
            hint => heard.push(hint),
        }
    }
}

/// Publishes an end until it is heard: behind many others, one that takes too long is dropped.
async fn end(bus: &Bus, subject: &Subject, subscription: &mut Subscription) {
    let heard = async {
        loop {
            bus.publish(subject, Bytes::from_static(b"end")).await;
            if timeout(Duration::from_secs(1), until_end(subscription)).await.is_ok() {
                break;
            }
        }
    };
    timeout(DEADLINE, heard).await.expect("the end is heard in time");
}

/// The subjects of the messages among `hints`.
fn subjects(hints: &[Hint]) -> Vec<&str> {
    let subjects = hints.iter().filter_map(|hint| match hint {
        Hint::Message { subject, .. } => Some(subject.as_str()),
        Hint::Gap => None,
    });
    subjects.collect()
}

#[tokio::test]
async fn hints_of_a_subject_arrive_in_order() {
    const SUBJECTS: usize = 4;
    const HINTS: usize = 200;
    for test in buses().await {
        let topic = new_topic();
        let mut all = subscribe(&test.bus, &Filter::under(&topic)).await;
        let mut one = subscribe(&test.bus, &Filter::only(&Subject::of(&topic, 1))).await;
        let subjects: Vec<_> = (0..SUBJECTS).map(|id| Subject::of(&topic, id)).collect();
        join_all(subjects.iter().map(async |subject| {
            for hint in 0..HINTS {
                test.bus.publish(subject, number(hint)).await;
            }
        }))
        .await;
        let mut heard: BTreeMap<String, Vec<Bytes>> = BTreeMap::new();
        for _ in 0..SUBJECTS * HINTS {
            let (subject, payload) = next_message(&mut all).await;
            heard.entry(subject.as_str().to_owned()).or_default().push(payload);
        }
        let expected: Vec<_> = (0..HINTS).map(number).collect();
        assert_eq!(heard.len(), SUBJECTS, "{}", test.kind);
        assert!(heard.values().all(|payloads| *payloads == expected), "{}: {heard:?}", test.kind);
        for payload in expected {
            assert_eq!(next_message(&mut one).await, (subjects[1].clone(), payload), "{}", test.kind);
        }
    }
}

#[tokio::test]
async fn a_filter_passes_one_subject_or_all_things_right_under_a_topic() {
    for test in buses().await {
        let topic = new_topic();
        let (whole, one) = (Subject::topic(&topic), Subject::of(&topic, 1));
        let mut under = subscribe(&test.bus, &Filter::under(&topic)).await;
        let mut only_one = subscribe(&test.bus, &Filter::only(&one)).await;
        let mut only_whole = subscribe(&test.bus, &Filter::only(&whole)).await;
        let mut deeper = subscribe(&test.bus, &Filter::under(&format!("{topic}.1"))).await;
        let others = [
            format!("{topic}.2"),
            format!("{topic}.1.deep"),
            format!("{topic}.1.deep.er"),
            format!("{topic}2.1"),
            format!("prefix.{topic}.1"),
            format!("{topic}.11"),
            topic.to_uppercase(),
        ];
        for subject in [&whole, &one].into_iter().cloned().chain(others.iter().map(|text| Subject::topic(text))) {
            test.bus.publish(&subject, Bytes::from_static(b"hint")).await;
        }
        // The end of each: what is not heard before it is not heard.
        for subject in [&whole, &one, &Subject::of(&topic, "1.end")] {
            test.bus.publish(subject, Bytes::from_static(b"end")).await;
        }
        let one_text = one.as_str();
        let (two, eleven) = (others[0].as_str(), others[5].as_str());
        let cases: [(&mut Subscription, &[&str]); 4] = [
            (&mut under, &[one_text, two, eleven]),
            (&mut only_one, &[one_text]),
            (&mut only_whole, &[&topic]),
            (&mut deeper, &[&others[1]]),
        ];
        for (subscription, expected) in cases {
            assert_eq!(subjects(&until_end(subscription).await), expected, "{}", test.kind);
        }
    }
}

#[test]
fn a_filter_says_itself_what_it_passes() {
    let under = Filter::under("chat");
    for (subject, passes) in
        [("chat.1", true), ("chat.1.2", false), ("chat", false), ("chat.", false), ("chats.1", false)]
    {
        assert_eq!(under.matches(&Subject::topic(subject)), passes, "{subject}");
    }
    let only = Filter::only(&Subject::of("chat", 1));
    for (subject, passes) in [("chat.1", true), ("chat.11", false), ("chat.1.2", false), ("chat", false)] {
        assert_eq!(only.matches(&Subject::topic(subject)), passes, "{subject}");
    }
    assert_eq!(Subject::of("chat.update", 7).last_word(), "7");
}

#[tokio::test]
async fn what_is_published_after_a_subscription_arrives() {
    const TIMES: usize = 1000;
    for test in buses().await {
        // Over NATS, the publisher has a connection of its own: the server orders nothing between the two.
        let publisher = match (test.kind, nats_url()) {
            ("nats", Some(url)) => Bus::connect(&url).await.expect("connected"),
            _ => test.bus.clone(),
        };
        let topic = new_topic();
        for time in 0..TIMES {
            let subject = Subject::of(&topic, time);
            let mut subscription = subscribe(&test.bus, &Filter::only(&subject)).await;
            publisher.publish(&subject, number(time)).await;
            assert_eq!(next_message(&mut subscription).await, (subject, number(time)), "{}", test.kind);
        }
    }
}

#[tokio::test]
async fn everyone_who_subscribed_is_told() {
    for test in buses().await {
        let subject = Subject::of(&new_topic(), "x");
        let mut subscriptions = Vec::new();
        for _ in 0..10 {
            subscriptions.push(subscribe(&test.bus.clone(), &Filter::only(&subject)).await);
        }
        test.bus.publish(&subject, Bytes::from_static(b"\0\xff")).await;
        for subscription in &mut subscriptions {
            let (_, payload) = next_message(subscription).await;
            assert_eq!(payload, Bytes::from_static(b"\0\xff"), "{}: byte for byte", test.kind);
        }
        let mut late = subscribe(&test.bus, &Filter::only(&subject)).await;
        test.bus.publish(&subject, Bytes::from_static(b"end")).await;
        assert_eq!(subjects(&until_end(&mut late).await), Vec::<&str>::new(), "{}: it is late", test.kind);
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_that_it_missed_some() {
    for test in buses().await {
        let (subject, other) = (Subject::of(&new_topic(), "x"), Subject::of(&new_topic(), "y"));
        let mut quick = subscribe(&test.bus, &Filter::only(&other)).await;
        // After these, what a new connection says of itself has been said.
        for round in 0..100 {
            test.bus.publish(&other, number(round)).await;
            assert_eq!(next_message(&mut quick).await.1, number(round), "{}", test.kind);
        }
        let mut slow = subscribe(&test.bus, &Filter::only(&subject)).await;
        for hint in 0..FLOOD {
            test.bus.publish(&subject, number(hint)).await;
        }
        // When this has arrived on the same connection, all before it has, too.
        end(&test.bus, &other, &mut quick).await;

        let (mut is_told, mut heard) = (false, Vec::new());
        loop {
            // Over NATS, the gap comes by a way of its own: it is waited for, what else there is has arrived.
            let hint = match slow.next().now_or_never() {
                Some(hint) => hint.expect("the bus is there"),
                None if is_told => break,
                None => next(&mut slow).await,
            };
            match hint {
                Hint::Gap => is_told = true,
                Hint::Message { payload, .. } => {
                    let text = std::str::from_utf8(&payload).expect("a number");
                    heard.push(text.parse::<usize>().expect("a number"));
                }
            }
        }
        assert!(!heard.is_empty() && heard.len() < FLOOD / 2, "{}: {} are kept", test.kind, heard.len());
        assert!(heard.is_sorted(), "{}: what is left is in order", test.kind);
        end(&test.bus, &subject, &mut slow).await;
    }
}

#[tokio::test]
async fn a_hint_is_not_lost_by_dropping_the_future_that_waits_for_it() {
    for test in buses().await {
        let subject = Subject::of(&new_topic(), "x");
        let mut subscription = subscribe(&test.bus, &Filter::only(&subject)).await;
        for round in 0..100 {
            assert_ne!(subscription.next().now_or_never().map(|hint| hint == Some(Hint::Gap)), Some(false));
            let wait = subscription.next();
            let publish = test.bus.publish(&subject, number(round));
            tokio::select! {
                biased;
                () = publish => {}
                hint = wait => assert_eq!(hint, Some(Hint::Gap), "{}: nothing else is published", test.kind),
            }
            assert_eq!(next_message(&mut subscription).await.1, number(round), "{}", test.kind);
        }
    }
}

/// Counts for as long as a published payload is kept somewhere.
#[derive(Debug)]
struct Kept {
    _count: Arc<()>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        b"kept"
    }
}

#[tokio::test]
async fn dropping_a_subscription_releases_what_it_held() {
    let bus = Bus::memory();
    let subject = Subject::of(&new_topic(), "x");
    let subscription = subscribe(&bus, &Filter::only(&subject)).await;
    let mut other = subscribe(&bus, &Filter::only(&subject)).await;
    let count = Arc::new(());
    bus.publish(&subject, Bytes::from_owner(Kept { _count: Arc::clone(&count) })).await;
    assert_eq!(Arc::strong_count(&count), 2, "it waits for both");
    drop(next_message(&mut other).await);
    assert_eq!(Arc::strong_count(&count), 2, "it waits for one");
    drop(subscription);
    assert_eq!(Arc::strong_count(&count), 1, "it waits for nobody");
    bus.publish(&subject, Bytes::from_static(b"more")).await;
    assert_eq!(next_message(&mut other).await.1, Bytes::from_static(b"more"), "the other one goes on");
}

#[tokio::test]
async fn two_buses_in_memory_do_not_see_each_other() {
    let (one, two) = (Bus::memory(), Bus::connect("memory:").await.expect("connected"));
    let subject = Subject::of(&new_topic(), "x");
    let mut at_one = subscribe(&one, &Filter::only(&subject)).await;
    two.publish(&subject, number(2)).await;
    one.publish(&subject, number(1)).await;
    assert_eq!(next_message(&mut at_one).await.1, number(1));
}

#[tokio::test]
async fn a_bus_that_cannot_be_is_refused() {
    for url in ["", "memory", "nats://", "redis://localhost", "http://localhost:4222"] {
        let refused = Bus::connect(url).await;
        assert!(matches!(refused, Err(BusError::InvalidUrl(_))), "{url}: {refused:?}");
    }
    let refused = Bus::connect("nats://localhost:port").await;
    assert!(matches!(refused, Err(BusError::Unavailable(_))), "{refused:?}");
}
