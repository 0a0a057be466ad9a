//! Hints between replicas: an agent has begun or ended a session somewhere.

use std::sync::Arc;

use chatmesh_bus::{Bus, Filter, Hint, Listener, Subject};
use chatmesh_core::Uuid;
use chatmesh_proto::relay::v1::SessionChanged;
use prost::Message as _;

use crate::state::State;

/// The sessions of an agent changed.
const SESSIONS: &str = "chatmesh.relay.v1.sessions";

/// Says that an agent's latest session has this epoch now.
pub(crate) async fn changed(bus: &Bus, agent: Uuid, epoch: u32) {
    bus.publish(&Subject::of(SESSIONS, agent), SessionChanged { epoch }.encode_to_vec().into()).await;
}

/// Listens until the agents have left. While the bus is away, what is remembered grows old by itself.
pub(crate) async fn listen(state: Arc<State>) {
    let mut hints = Listener::open(&state.bus, Filter::under(SESSIONS)).await;
    // Whatever happened while nobody listened.
    forget(&state);
    loop {
        tokio::select! {
            hint = hints.next() => take(&state, hint),
            () = state.left.cancelled() => return,
        }
    }
}

fn forget(state: &State) {
    state.locations.forget_all();
    state.arrivals.all();
}

fn take(state: &State, hint: Hint) {
    let Hint::Message { subject, payload } = hint else {
        forget(state);
        return;
    };
    let (Ok(agent), Ok(changed)) = (Uuid::try_parse(subject.last_word()), SessionChanged::decode(payload)) else {
        return;
    };
    state.locations.changed(agent, changed.epoch);
    state.sessions.supersede(agent, |session| session.epoch < changed.epoch);
    state.arrivals.of(agent);
}
