//! Follows a Pod until it runs or never will, and writes down what the cluster says of it.

use std::collections::HashMap;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::time::{Instant, sleep_until};

use super::cluster::Cluster;
use super::error::{KubernetesError, failure};
use super::verdict::{Patience, Verdict, judge};
use crate::backend::Run;
use crate::config::KubernetesConfig;
use crate::failure::Failure;
use crate::job_log::JobLog;

/// The name of this part in the log of a build.
const STAGE: &str = "pod";

/// Waits until all agents in the Pod run, not beyond `until`.
pub(super) async fn follow(
    cluster: &Cluster,
    namespace: &str,
    pod: &Pod,
    run: &Run,
    config: &KubernetesConfig,
    until: Instant,
) -> Result<(), Failure> {
    let (name, uid) = (pod.name_any(), pod.uid());
    let mut pods = Box::pin(watcher::watch_object(cluster.api::<Pod>(namespace), &name).default_backoff());
    let mut events = Box::pin(events_of(cluster, namespace, uid.as_deref().unwrap_or_default()));
    let mut events_end = false;
    let (mut seen, mut state) = (Seen::default(), State::new(config, until));
    loop {
        tokio::select! {
            biased;
            () = run.cancel.cancelled() => return Err(Failure::Canceled),
            event = events.next(), if !events_end => match event {
                Some(Ok(event)) => seen.say(&event, &run.log),
                Some(Err(error)) if is_refused(&error) => {
                    run.log.error(STAGE, "the provisioner may not read the events of the Pod: they are missing here");
                    events_end = true;
                }
                Some(Err(_)) => {}
                None => events_end = true,
            },
            found = pods.next() => match found {
                Some(Ok(Some(found))) if found.uid() == uid => match judge(&found) {
                    Verdict::Running => return Ok(()),
                    Verdict::Failed(problem) => return Err(KubernetesError::Pod(problem).into()),
                    Verdict::Deleted => return Err(KubernetesError::Deleted.into()),
                    Verdict::Waiting(patience, what) => state.waits(patience, what, &run.log),
                },
                Some(Ok(_)) | None => return Err(KubernetesError::Deleted.into()),
                Some(Err(error)) if is_refused(&error) => return Err(refusal(error)),
                // It is tried again.
                Some(Err(_)) => {}
            },
            () = sleep_until(state.until) => return Err(state.failure().into()),
        }
    }
}

/// What the Pod waits for.
#[derive(Debug)]
struct State<'a> {
    config: &'a KubernetesConfig,
    end: Instant,
    patience: Patience,
    since: Instant,
    what: String,
    until: Instant,
}

impl<'a> State<'a> {
    fn new(config: &'a KubernetesConfig, end: Instant) -> Self {
        let (patience, what) = (Patience::Start, "the cluster says nothing of it".to_owned());
        Self { config, end, patience, since: Instant::now(), what, until: end }
    }

    fn waits(&mut self, patience: Patience, what: String, log: &JobLog) {
        if patience != self.patience {
            (self.patience, self.since) = (patience, Instant::now());
        }
        if what != self.what {
            log.info(STAGE, &what);
            self.what = what;
        }
        let limit = match patience {
            Patience::Start => Duration::MAX,
            Patience::Schedule => self.config.schedule_timeout,
            Patience::Retry => self.config.retry_timeout,
        };
        self.until = self.since.checked_add(limit).map_or(self.end, |until| until.min(self.end));
    }

    fn failure(&self) -> KubernetesError {
        match self.patience {
            Patience::Start => {
                let seconds = self.config.start_timeout.as_secs();
                KubernetesError::NotInTime { seconds, state: self.what.clone() }
            }
            Patience::Schedule | Patience::Retry => KubernetesError::Pod(self.what.clone()),
        }
    }
}

/// The events of a Pod, those that there are already first.
fn events_of(cluster: &Cluster, namespace: &str, uid: &str) -> impl Stream<Item = watcher::Result<Event>> + use<> {
    let config = watcher::Config::default().fields(&format!("involvedObject.uid={uid}"));
    watcher(cluster.api::<Event>(namespace), config).default_backoff().applied_objects()
}

/// Events are counted up where they happen again.
#[derive(Debug, Default)]
struct Seen(HashMap<String, i32>);

impl Seen {
    fn say(&mut self, event: &Event, log: &JobLog) {
        let count = event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(1);
        if self.0.insert(event.name_any(), count) == Some(count) {
            return;
        }
        let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
        let reason = event.reason.as_deref().unwrap_or("Event");
        let text = format!("{reason}: {}{times}", event.message.as_deref().unwrap_or_default().trim());
        if event.type_.as_deref() == Some("Warning") { log.error(STAGE, text) } else { log.info(STAGE, text) }
    }
}

fn cause(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(error),
        _ => None,
    }
}

/// True where the provisioner may not watch.
fn is_refused(error: &watcher::Error) -> bool {
    matches!(cause(error), Some(kube::Error::Api(status)) if matches!(status.code, 401 | 403))
}

fn refusal(error: watcher::Error) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => failure("watch the Pod", error),
        error => KubernetesError::NoAnswer(error.to_string()).into(),
    }
}
