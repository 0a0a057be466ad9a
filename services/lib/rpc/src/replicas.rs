//! Connections to other replicas of the same service: one per address, made when it is needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::client::Peer;
use crate::connect_lazy;

/// The most connections to hold: more than there are replicas.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection is kept that nobody uses.
const KEPT_UNUSED: Duration = Duration::from_secs(60);

/// Makes a connection to an address; says in words what is wrong with it where it cannot.
type Dial = Box<dyn Fn(&str) -> Result<Peer, String> + Send + Sync>;

/// The connections of this replica to others.
pub struct Replicas {
    dial: Dial,
    open: Mutex<HashMap<String, Connection>>,
}

struct Connection {
    peer: Arc<Peer>,
    used_at: Instant,
}

impl std::fmt::Debug for Replicas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replicas").field("open", &self.len()).finish_non_exhaustive()
    }
}

impl Replicas {
    /// Replicas over the network, called under the identity with which `neighbour` is.
    #[must_use]
    pub fn over_network(neighbour: Peer) -> Self {
        Self::new(move |address| {
            let transport = connect_lazy(address).map_err(|error| error.to_string())?;
            Ok(neighbour.redirected(transport))
        })
    }

    /// Replicas that are reached through `dial`.
    #[must_use]
    pub fn new(dial: impl Fn(&str) -> Result<Peer, String> + Send + Sync + 'static) -> Self {
        Self { dial: Box::new(dial), open: Mutex::default() }
    }

    /// The connection to an address. It is in use for as long as it is held.
    ///
    /// # Errors
    /// The address is none; the text says why.
    pub fn connect(&self, address: &str) -> Result<Arc<Peer>, String> {
        let now = Instant::now();
        let mut open = self.open.lock();
        if let Some(connection) = open.get_mut(address) {
            connection.used_at = now;
            return Ok(Arc::clone(&connection.peer));
        }
        if open.len() >= MAX_CONNECTIONS {
            // Whoever holds the connection goes on with it.
            let oldest = open.iter().min_by_key(|(_, connection)| connection.used_at);
            if let Some(address) = oldest.map(|(address, _)| address.clone()) {
                open.remove(&address);
            }
        }
        let peer = Arc::new((self.dial)(address)?);
        open.insert(address.to_owned(), Connection { peer: Arc::clone(&peer), used_at: now });
        Ok(peer)
    }

    /// Drops the connections that nobody has used for a minute.
    pub fn sweep(&self, now: Instant) {
        self.open.lock().retain(|_, connection| {
            if Arc::strong_count(&connection.peer) > 1 {
                connection.used_at = now;
            }
            now.duration_since(connection.used_at) < KEPT_UNUSED
        });
    }

    /// How many connections are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// True where no connection is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use crate::local;

    use super::*;

    fn replicas() -> Replicas {
        let nothing = tonic::service::Routes::default().prepare();
        Replicas::new(move |address| match address {
            "nowhere" => Err("no such address".to_owned()),
            _ => Ok(Peer::for_callers(local(nothing.clone()))),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_shared_while_they_are_used_and_dropped_when_they_are_not() {
        let replicas = replicas();
        let first = replicas.connect("a").expect("connected");
        assert!(Arc::ptr_eq(&first, &replicas.connect("a").expect("connected")), "one connection per address");
        drop(replicas.connect("b"));
        tokio::time::advance(KEPT_UNUSED).await;
        replicas.sweep(Instant::now());
        assert_eq!(replicas.len(), 1, "the one that nobody used is gone, the other is not");
        drop(first);
        tokio::time::advance(KEPT_UNUSED).await;
        replicas.sweep(Instant::now());
        assert_eq!(replicas.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_come_and_go_do_not_pile_up() {
        let replicas = replicas();
        for n in 0..MAX_CONNECTIONS * 2 {
            drop(replicas.connect(&n.to_string()).expect("connected"));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(replicas.len(), MAX_CONNECTIONS);
        assert_eq!(replicas.connect("nowhere").expect_err("refused"), "no such address");
        assert_eq!(replicas.len(), MAX_CONNECTIONS - 1, "what cannot be reached is not kept");
    }
}
