//! Something to say to an agent, from outside of the call that supervises it.

use std::sync::Arc;

use chatmesh_proto::agent::v1::supervise_request::Body;
use chatmesh_proto::agent::v1::{DrainNotice, SuperviseRequest};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// The way to a supervised agent; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    requests: Arc<Mutex<Option<mpsc::Sender<SuperviseRequest>>>>,
}

/// The line is open while this lives.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a Line);

impl Line {
    /// Opens the line: what is said goes to `requests`.
    pub(super) fn open(&self, requests: mpsc::Sender<SuperviseRequest>) -> Open<'_> {
        *self.requests.lock() = Some(requests);
        Open(self)
    }

    /// Tells the agent that this relay ends soon. False where it can not be told.
    pub(crate) fn say_drain(&self) -> bool {
        let requests = self.requests.lock();
        requests.as_ref().is_some_and(|requests| requests.try_send(request(Body::Drain(DrainNotice {}))).is_ok())
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        *self.0.requests.lock() = None;
    }
}

pub(super) fn request(body: Body) -> SuperviseRequest {
    SuperviseRequest { body: Some(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_reaches_an_agent_that_is_supervised_and_takes_it() {
        let line = Line::default();
        assert!(!line.say_drain(), "nobody supervises it");
        let (requests, mut receiver) = mpsc::channel(1);
        let open = line.open(requests);
        assert!(line.say_drain());
        assert!(!line.say_drain(), "it takes nothing");
        assert_eq!(receiver.try_recv().expect("a notice").body, Some(Body::Drain(DrainNotice {})));
        drop(open);
        assert!(!line.say_drain(), "nobody supervises it any more");
    }
}
