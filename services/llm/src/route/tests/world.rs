//! A provider that checks what it is sent, models of it, and the service in front.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_host::{Deps, Service as _};
use chatmesh_proto::common::v1::{GenerationError, Part, Role, part};
use chatmesh_proto::llm::v1::llm_service_server::LlmService as _;
use chatmesh_proto::llm::v1::{self as pb, ModelOptions, ProviderSettings, ProviderType};
use chatmesh_rpc::{Caller, UserId};
use chatmesh_runtime::{Readiness, Tasks};
use chatmesh_seal::Sealer;
use chatmesh_testkit::TestDb;
use chatmesh_testkit::simulator::{Fault, ReceivedRequest, Script, Simulator, SimulatorConfig, Step};
use futures::StreamExt as _;
use prometheus_client::registry::Registry;
use tonic::Request;

use crate::api::Api;
use crate::codec::Event;
use crate::codec::fold::{Folded, Outcome as Folding};
use crate::domain::{Key, KeyId, KeyPolicy, Model, ModelChange, ModelId, Provider, ProviderId, Source, UsageEvent};
use crate::state::State;
use crate::store::{Inserted, UsageFilter};
use crate::{Config, DebugConfig, DebugRecords, LlmMetrics, MIGRATIONS, Service};

pub(super) const GOOD: &str = "good-key-0123456789";
pub(super) const BAD: &str = "bad-key-0123456789";

pub(super) struct World {
    pub(super) state: Arc<State>,
    simulator: Simulator,
    provider: Provider,
    pub(super) tasks: Tasks,
    _database: TestDb,
}

impl World {
    /// A provider with these scripts, one model for each, under its own name.
    pub(super) async fn new(policy: KeyPolicy, own_key: Option<&str>, scripts: Vec<Script>) -> Self {
        Self::with(DebugRecords::Off, policy, own_key, scripts).await
    }

    pub(super) async fn with(
        record: DebugRecords,
        policy: KeyPolicy,
        own_key: Option<&str>,
        scripts: Vec<Script>,
    ) -> Self {
        // The first test of the process installs it, the others find it there.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let models: Vec<String> = scripts.iter().map(|script| script.model.clone()).collect();
        let config = SimulatorConfig { scripts, ..SimulatorConfig::default() }.with_api_key(GOOD);
        let simulator = Simulator::start(config).await.unwrap();
        let database = chatmesh_testkit::sqlite(MIGRATIONS).await;
        let tasks = Tasks::new();
        let deps = Deps {
            db: database.db.clone(),
            bus: Bus::memory(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            tasks: tasks.clone(),
            readiness: Readiness::new(),
        };
        let debug = DebugConfig { record, ..DebugConfig::default() };
        let config = Config { encryption_key: Sealer::generate_key(), debug };
        let service = Service::build(config, deps, LlmMetrics::register(&mut Registry::default())).unwrap();
        service.start();
        let state = service.into_state();
        let id = ProviderId(SystemIds.next());
        let now = SystemClock.now();
        let provider = Provider {
            id,
            name: "house".to_owned(),
            provider_type: ProviderType::Anthropic,
            base_url: simulator.base_url(),
            sealed_api_key: own_key.map(|key| state.sealer.seal(id, &key.into()).unwrap()),
            enabled: true,
            source: Source::Database,
            settings: ProviderSettings::default(),
            key_policy: policy,
            created_at: now,
            updated_at: now,
        };
        state.store.insert_provider(&provider, None).await.unwrap();
        let world = Self { state, simulator, provider, tasks, _database: database };
        for model in models {
            world.insert_model(&model, &[]).await;
        }
        world
    }

    pub(super) async fn insert_model(&self, name: &str, fallbacks: &[&str]) {
        let now = SystemClock.now();
        let model = Model {
            id: ModelId(SystemIds.next()),
            name: name.to_owned(),
            provider_id: self.provider.id,
            provider: self.provider.name.clone(),
            model: name.to_owned(),
            context_limit: 0,
            is_default: false,
            enabled: true,
            options: ModelOptions {
                input_price_micros: Some(1_000_000),
                output_price_micros: Some(2_000_000),
                ..ModelOptions::default()
            },
            compaction_threshold_percent: None,
            fallbacks: fallbacks.iter().map(|name| (*name).to_owned()).collect(),
            record_debug: false,
            created_at: now,
            updated_at: now,
        };
        let inserted = self.state.store.insert_model(&model, None).await.unwrap();
        assert!(matches!(inserted, Inserted::Created(_)), "{inserted:?}");
    }

    /// Sets the fallbacks of a model that is there.
    pub(super) async fn falls_back(&self, name: &str, fallbacks: &[&str]) {
        let model = self.state.router.find_model(name).await.unwrap();
        let fallbacks = fallbacks.iter().map(|name| (*name).to_owned()).collect();
        let change = ModelChange { fallbacks: Some(fallbacks), ..ModelChange::none(SystemClock.now()) };
        self.state.store.update_model(model.id, &change).await.unwrap().unwrap();
        self.state.router.forget();
    }

    pub(super) async fn insert_key(&self, user_id: Option<UserId>, secret: &str) -> KeyId {
        let id = KeyId(SystemIds.next());
        let now = SystemClock.now();
        let key = Key {
            id,
            provider_id: self.provider.id,
            provider: self.provider.name.clone(),
            user_id,
            name: String::new(),
            sealed_secret: self.state.sealer.seal(id, &secret.into()).unwrap(),
            hint: String::new(),
            weight: 1,
            enabled: true,
            created_at: now,
            updated_at: now,
        };
        self.state.keys.insert_key(&key, None).await.unwrap();
        id
    }

    pub(super) fn api(&self) -> Api {
        Api::new(Arc::clone(&self.state))
    }

    pub(super) async fn call(&self, model: &str, user: Option<UserId>) -> Folded {
        let events = self.events(model, user).await;
        let events: Vec<Event> = events.map(|event| event.unwrap().event.unwrap()).collect().await;
        Folded::of(events).unwrap()
    }

    pub(super) async fn events(
        &self,
        model: &str,
        user: Option<UserId>,
    ) -> <Api as pb::llm_service_server::LlmService>::GenerateStream {
        let text = Part { body: Some(part::Body::Text("Hello there".to_owned())), ..Part::default() };
        let request = pb::GenerateRequest {
            model: model.to_owned(),
            messages: vec![pb::PromptMessage { role: Role::User.into(), parts: vec![text] }],
            user_id: user.map(|user| user.to_string()).unwrap_or_default(),
            ..pb::GenerateRequest::default()
        };
        self.api().generate(by(Caller::service("chat", None), request)).await.unwrap().into_inner()
    }

    /// Everything that was written down, oldest first, once there are so many.
    pub(super) async fn recorded(&self, count: usize) -> Vec<UsageEvent> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let mut events = self.state.usage.list_usage(&UsageFilter::default(), None, 100).await.unwrap();
            if events.len() >= count {
                events.reverse();
                return events;
            }
            assert!(tokio::time::Instant::now() < deadline, "{events:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn asked(&self) -> Vec<ReceivedRequest> {
        self.simulator.journal().requests()
    }

    pub(super) fn models_asked(&self) -> Vec<String> {
        self.asked().iter().map(|request| request.body["model"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

pub(super) fn by<M>(caller: Caller, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);
    request
}

pub(super) fn answers(model: &str) -> Script {
    Script::new(model).step(Step::text(format!("I am {model}.")).tokens(1000, 10)).looped()
}

pub(super) fn fails(model: &str, fault: Fault) -> Script {
    Script::new(model).step(Step::text("Never said to the end of it.").fault(fault)).looped()
}

pub(super) fn error(folded: &Folded) -> &GenerationError {
    match &folded.outcome {
        Some(Folding::Failed(error)) => error,
        other => panic!("no error: {other:?}"),
    }
}

pub(super) fn text(folded: &Folded) -> String {
    assert!(matches!(folded.outcome, Some(Folding::Finished(_))), "{:?}", folded.outcome);
    match &folded.parts[0].body {
        Some(part::Body::Text(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}
