//! Whole calls: through the service, against a provider that checks what it is sent and fails as
//! it is told to.

mod world;

use std::time::Duration;

use chatmesh_core::{Clock as _, ExposeSecret as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_proto::common::v1::ErrorKind;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_proto::llm::v1::key_service_server::KeyService as _;
use chatmesh_proto::llm::v1::model_service_server::ModelService as _;
use chatmesh_proto::llm::v1::provider_service_server::ProviderService as _;
use chatmesh_rpc::{Caller, Role as UserRole, UserId};
use chatmesh_testkit::simulator::{Fault, Script, Step};
use futures::StreamExt as _;

use crate::DebugRecords;
use crate::codec::Event;
use crate::domain::{Amounts, KeyPolicy, Limit, LimitId, Outcome, Period, Reference, Scope};
use crate::store::UsageFilter;
use world::{BAD, GOOD, World, answers, by, error, fails, text};

const CENTRAL: KeyPolicy = KeyPolicy { central: true, user: false, fallback: false };

#[tokio::test]
async fn a_refused_key_gives_way_to_the_next_and_rests() {
    let world = World::new(CENTRAL, Some(BAD), vec![answers("a")]).await;
    let good = world.insert_key(None, GOOD).await;
    for _ in 0..4 {
        assert_eq!(text(&world.call("a", None).await), "I am a.");
    }
    let refused = world.asked().iter().filter(|request| request.status == Some(401)).count();
    assert_eq!(refused, 1, "it rests after the first refusal");
    let events = world.recorded(4).await;
    assert_eq!(events.iter().map(|event| event.attempts).collect::<Vec<_>>(), [2, 1, 1, 1]);
    assert!(events.iter().all(|event| event.key_id == Some(good) && event.outcome == Outcome::Finished));
    assert_eq!(events[0].cost_micros, Some(1020), "1000 tokens in, 10 out");
}

#[tokio::test]
async fn the_error_of_an_only_key_is_the_caller_s() {
    let world = World::new(CENTRAL, Some(BAD), vec![answers("a")]).await;
    for _ in 0..2 {
        assert_eq!(error(&world.call("a", None).await).kind(), ErrorKind::Auth);
    }
    assert_eq!(world.asked().len(), 2, "an only key never rests");
    let events = world.recorded(2).await;
    assert_eq!((events[0].outcome, events[0].error_kind), (Outcome::Failed, ErrorKind::Auth));
    assert_eq!(events[0].cost_micros, Some(0), "what was refused costs nothing");
}

#[tokio::test]
async fn a_model_that_cannot_answer_falls_back_to_one_that_can() {
    for fault in [Fault::status(529), Fault::status(429), Fault::status(500), Fault::status(503)] {
        let world = World::new(CENTRAL, Some(GOOD), vec![fails("a", fault.clone()), answers("b")]).await;
        world.falls_back("a", &["gone", "b"]).await;
        let folded = world.call("a", None).await;
        assert_eq!(text(&folded), "I am b.", "{fault:?}");
        assert_eq!(folded.started.unwrap().model_name, "b");
        assert_eq!(world.models_asked(), ["a", "b"], "{fault:?}");
        let event = &world.recorded(1).await[0];
        assert_eq!((event.model.as_str(), event.attempts), ("b", 2));
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_wrong_for_all_models() {
    let world = World::new(CENTRAL, Some(GOOD), vec![fails("a", Fault::status(400)), answers("b")]).await;
    world.falls_back("a", &["b"]).await;
    assert_eq!(error(&world.call("a", None).await).kind(), ErrorKind::Config);
    assert_eq!(world.models_asked(), ["a"]);
}

#[tokio::test]
async fn nothing_is_asked_again_once_something_was_said() {
    let broken = fails("a", Fault::stream_error(4, "overloaded_error", "Overloaded"));
    let world = World::new(CENTRAL, Some(GOOD), vec![broken, answers("b")]).await;
    world.falls_back("a", &["b"]).await;
    let folded = world.call("a", None).await;
    assert!(error(&folded).partial_output, "{folded:?}");
    assert_eq!(world.models_asked(), ["a"]);
    let event = &world.recorded(1).await[0];
    assert_eq!((event.outcome, event.usage_estimated), (Outcome::Failed, true));
    assert!(event.usage.output_tokens > Some(0) && event.cost_micros > Some(0), "{event:?}");
}

#[tokio::test]
async fn a_key_is_its_user_s_alone_and_missing_ones_are_named_before_anyone_is_asked() {
    let own_only = KeyPolicy { central: true, user: true, fallback: false };
    let world = World::new(own_only, Some(GOOD), vec![answers("a")]).await;
    let (ann, bob) = (UserId(SystemIds.next()), UserId(SystemIds.next()));
    let anns = world.insert_key(Some(ann), GOOD).await;
    assert_eq!(text(&world.call("a", Some(ann)).await), "I am a.");
    for user in [Some(bob), None] {
        let folded = world.call("a", user).await;
        let error = error(&folded);
        assert_eq!((error.kind(), error.retryable), (ErrorKind::MissingKey, false));
        assert_eq!(error.detail, "user_api_key_required");
        assert_eq!(error.message, "Anthropic needs an API key of your own; add one to your keys.");
    }
    assert_eq!(world.asked().len(), 1, "nobody else was asked");
    assert_eq!(world.recorded(3).await[0].key_id, Some(anns));
}

/// Each reads what is there before any of them writes.
#[tokio::test]
async fn changes_of_different_fields_at_the_same_time_all_hold() {
    let world = World::new(CENTRAL, Some(GOOD), vec![answers("a")]).await;
    let (api, admin) = (world.api(), || Caller::user(UserId(SystemIds.next()), UserRole::Admin));
    for round in 0..5 {
        let house = || pb::UpdateProviderRequest { provider: "house".to_owned(), ..Default::default() };
        let provider = |change| api.update_provider(by(admin(), change));
        let base_url = format!("https://{round}.example.com/v1");
        let off = pb::UpdateProviderRequest { enabled: Some(round % 2 == 0), ..house() };
        let moved = pb::UpdateProviderRequest { base_url: Some(base_url.clone()), ..house() };
        let other_key = pb::UpdateProviderRequest { api_key: Some(format!("key-{round}")), ..house() };
        let model = |change| api.update_model(by(admin(), change));
        let a = || pb::UpdateModelRequest { model: "a".to_owned(), ..Default::default() };
        let shorter = pb::UpdateModelRequest { context_limit: Some(round + 1), ..a() };
        let recorded = pb::UpdateModelRequest { record_debug: Some(round % 2 == 0), ..a() };
        let done = tokio::join!(provider(off), provider(moved), provider(other_key), model(shorter), model(recorded));
        for failed in [done.0.err(), done.1.err(), done.2.err(), done.3.err(), done.4.err()] {
            assert!(failed.is_none(), "{failed:?}");
        }

        let found = world.state.store.find_provider(&Reference::from("house")).await.unwrap().unwrap();
        assert_eq!((found.enabled, found.base_url), (round % 2 == 0, base_url));
        let key = world.state.sealer.open(found.id, &found.sealed_api_key.unwrap()).unwrap();
        assert_eq!(key.expose_secret(), format!("key-{round}"));
        let found = world.state.store.find_model(&Reference::from("a")).await.unwrap().unwrap();
        assert_eq!((found.context_limit, found.record_debug), (round + 1, round % 2 == 0));
    }
}

#[tokio::test]
async fn what_an_administrator_changes_holds_for_the_next_call() {
    let world = World::new(CENTRAL, Some(GOOD), vec![answers("a")]).await;
    assert_eq!(text(&world.call("a", None).await), "I am a.");
    let admin = || Caller::user(UserId(SystemIds.next()), UserRole::Admin);
    let off = pb::UpdateProviderRequest {
        provider: "house".to_owned(),
        enabled: Some(false),
        ..pb::UpdateProviderRequest::default()
    };
    world.api().update_provider(by(admin(), off)).await.unwrap();
    assert_eq!(error(&world.call("a", None).await).kind(), ErrorKind::ProviderDisabled);
    let on = pb::UpdateProviderRequest {
        provider: "house".to_owned(),
        enabled: Some(true),
        api_key: Some(BAD.to_owned()),
        ..pb::UpdateProviderRequest::default()
    };
    world.api().update_provider(by(admin(), on)).await.unwrap();
    assert_eq!(error(&world.call("a", None).await).kind(), ErrorKind::Auth);
    let key = pb::CreateKeyRequest {
        provider: "house".to_owned(),
        scope: pb::KeyScope::Central.into(),
        secret: GOOD.to_owned(),
        ..pb::CreateKeyRequest::default()
    };
    let key = world.api().create_key(by(admin(), key)).await.unwrap().into_inner().key.unwrap();
    assert_eq!((key.hint.as_str(), key.weight), ("6789", 1));
    assert_eq!(text(&world.call("a", None).await), "I am a.");
}

#[tokio::test]
async fn a_caller_that_goes_away_is_written_down() {
    let slow = Script::new("a").step(Step::text("Word by word.").fault(Fault::stall(4))).looped();
    let world = World::new(CENTRAL, Some(GOOD), vec![slow]).await;
    let mut events = world.events("a", None).await;
    while let Some(event) = events.next().await {
        if matches!(event.unwrap().event, Some(Event::PartDelta(_))) {
            break;
        }
    }
    drop(events);
    let event = &world.recorded(1).await[0];
    assert_eq!((event.outcome, event.usage_estimated), (Outcome::Canceled, true));
    assert!(event.first_part_ms.is_some() && event.usage.input_tokens > Some(0), "{event:?}");
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_an_error_with_its_end() {
    let world = World::new(CENTRAL, Some(GOOD), vec![answers("a")]).await;
    let now = SystemClock.now();
    let limit = Limit {
        id: LimitId(SystemIds.next()),
        scope: Scope::Default,
        subject_id: String::new(),
        period: Period::Month,
        max: Amounts { requests: Some(1), ..Amounts::default() },
        created_at: now,
        updated_at: now,
    };
    world.state.limits.store.insert_limit(&limit, None).await.unwrap();
    let user = UserId(SystemIds.next());
    assert_eq!(text(&world.call("a", Some(user)).await), "I am a.");
    let folded = world.call("a", Some(user)).await;
    let error = error(&folded);
    assert_eq!((error.kind(), error.retryable), (ErrorKind::UsageLimit, false));
    assert!(error.message.starts_with("Your monthly request limit is used up; it resets on 1 "), "{}", error.message);
    assert_eq!(world.asked().len(), 1);
    assert_eq!(text(&world.call("a", None).await), "I am a.", "the mesh itself has no limit");
}

#[tokio::test]
async fn debug_records_have_what_was_said_and_no_key() {
    let world = World::with(DebugRecords::All, CENTRAL, Some(GOOD), vec![answers("a")]).await;
    world.call("a", None).await;
    let id = world.recorded(1).await[0].id;
    let row = world.state.usage.debug_record(id).await.unwrap().unwrap();
    let (request, response) = (row.record.request, row.record.response);
    let (request, response) = (String::from_utf8(request).unwrap(), String::from_utf8(response).unwrap());
    assert!(request.contains("Hello there"), "{request}");
    assert!(response.contains("message_stop"), "{response}");
    assert!(!request.contains(GOOD) && !response.contains(GOOD));

    let off = World::new(CENTRAL, Some(GOOD), vec![answers("a")]).await;
    off.call("a", None).await;
    let id = off.recorded(1).await[0].id;
    assert_eq!(off.state.usage.debug_record(id).await.unwrap(), None, "they are off by default");
}

#[tokio::test]
async fn a_provider_is_tested_by_a_call() {
    let world = World::new(CENTRAL, Some(BAD), vec![answers("a")]).await;
    let good = world.insert_key(None, GOOD).await;
    let admin = || Caller::user(UserId(SystemIds.next()), UserRole::Admin);
    let test = async |key_id: String| {
        let request = pb::TestProviderRequest { provider: "house".to_owned(), key_id, ..Default::default() };
        world.api().test_provider(by(admin(), request)).await.unwrap().into_inner()
    };
    let answer = test(good.to_string()).await;
    assert!(answer.ok && answer.error.is_none() && answer.model == "a", "{answer:?}");
    world.state.keys.delete_key(good).await.unwrap();
    let answer = test(String::new()).await;
    assert_eq!((answer.ok, answer.error.unwrap().kind()), (false, ErrorKind::Auth));
}

#[tokio::test]
async fn nothing_is_lost_when_the_process_ends_in_order() {
    let world = World::new(CENTRAL, Some(GOOD), vec![answers("a")]).await;
    for _ in 0..3 {
        world.call("a", None).await;
    }
    world.tasks.shutdown().begin();
    assert!(world.tasks.wait(Duration::from_secs(20)).await);
    let events = world.state.usage.list_usage(&UsageFilter::default(), None, 10).await.unwrap();
    assert_eq!(events.len(), 3);
}
