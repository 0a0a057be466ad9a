//! Hints between replicas: an agent has begun or ended a session somewhere.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::{Bus, Filter, Hint, Subject};
use chatmesh_core::Uuid;
use chatmesh_proto::relay::v1::SessionChanged;
use prost::Message as _;
use tracing::debug;

use crate::state::State;

/// The sessions of an agent changed.
const SESSIONS: &str = "chatmesh.relay.v1.sessions";
/// How long to wait before a bus that was away is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Says that an agent's latest session has this epoch now.
pub(crate) async fn changed(bus: &Bus, agent: Uuid, epoch: u32) {
    bus.publish(&Subject::of(SESSIONS, agent), SessionChanged { epoch }.encode_to_vec().into()).await;
}

/// Listens until the agents have left. While the bus is away, what is remembered grows old by itself.
pub(crate) async fn listen(state: Arc<State>) {
    let left = state.left.clone();
    while !left.is_cancelled() {
        let subscription = state.bus.subscribe(&Filter::under(SESSIONS)).await;
        // Whatever happened while nobody listened.
        state.locations.forget_all();
        state.arrivals.all();
        match subscription {
            Ok(mut subscription) => loop {
                tokio::select! {
                    hint = subscription.next() => match hint {
                        Some(hint) => take(&state, hint),
                        None => break,
                    },
                    () = left.cancelled() => return,
                }
            },
            Err(error) => debug!(%error, "no hints about sessions, going on at poll speed"),
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY_PAUSE) => {}
            () = left.cancelled() => {}
        }
    }
}

fn take(state: &State, hint: Hint) {
    let Hint::Message { subject, payload } = hint else {
        state.locations.forget_all();
        state.arrivals.all();
        return;
    };
    let (Ok(agent), Ok(changed)) = (Uuid::try_parse(subject.last_word()), SessionChanged::decode(payload)) else {
        return;
    };
    state.locations.changed(agent, changed.epoch);
    state.sessions.supersede(agent, |session| session.epoch < changed.epoch);
    state.arrivals.of(agent);
}
