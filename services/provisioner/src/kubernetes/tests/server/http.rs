//! The calls.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde_json::{Value, json};

use super::{Inner, Key, LOST, State};

type Parameters = BTreeMap<String, String>;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/api/v1/namespaces/{namespace}/{plural}", any(collection))
        .route("/api/v1/namespaces/{namespace}/{plural}/{name}", any(object))
        .route("/apis/networking.k8s.io/v1/namespaces/{namespace}/{plural}", any(collection))
        .route("/apis/networking.k8s.io/v1/namespaces/{namespace}/{plural}/{name}", any(object))
        .with_state(state)
}

async fn object(
    Extract(state): Extract<Arc<State>>,
    Path((namespace, plural, name)): Path<(String, String, String)>,
    method: Method,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = Key { plural, namespace, name };
    state.change(|inner| {
        if let Some(fault) = inner.called(&method, &key.plural) {
            return fault;
        }
        match method.as_str() {
            "GET" => {
                inner.look_at(&key);
                inner.objects.get(&key).map_or_else(|| absent(&key), |found| answer(200, found))
            }
            "DELETE" if !inner.fulfils(&key, &body) => failure(409, "the precondition failed"),
            "DELETE" => inner.delete(&key).map_or_else(|| absent(&key), |found| answer(200, &found)),
            "PATCH" => {
                assert_eq!(headers["content-type"], "application/apply-patch+yaml");
                assert_eq!((query["fieldManager"].as_str(), query["force"].as_str()), ("chatmesh-provisioner", "true"));
                let described: Value = serde_json::from_slice(&body).expect("an object");
                assert!(described["apiVersion"].is_string() && described["kind"].is_string(), "{described}");
                match inner.apply(&key, described) {
                    Ok(made) => answer(200, &made),
                    Err((code, message)) => failure(code, &message),
                }
            }
            _ => failure(405, "not allowed"),
        }
    })
}

async fn collection(
    Extract(state): Extract<Arc<State>>,
    Path((namespace, plural)): Path<(String, String)>,
    method: Method,
    Query(query): Query<Parameters>,
    body: Bytes,
) -> Response {
    let is_watch = query.get("watch").is_some_and(|watch| watch == "true" || watch == "1");
    let fault = state.change(|inner| inner.called(&method, &plural));
    if let Some(fault) = fault {
        return fault;
    }
    let selects = selector(plural.clone(), namespace, query.get("fieldSelector").cloned());
    if method == Method::POST {
        assert_eq!(query["dryRun"], "All");
        return Response::builder().status(201).body(Body::from(body)).expect("an answer");
    }
    if !is_watch {
        return state.change(|inner| answer(200, &inner.list(&plural, selects)));
    }
    let from = query["resourceVersion"].parse().expect("a version");
    let stream = futures::stream::unfold((state.changed.subscribe(), from), move |(mut changed, from)| {
        let (state, selects) = (Arc::clone(&state), selects.clone());
        async move {
            loop {
                let (lines, version) = state.change_seen(from, &selects);
                if !lines.is_empty() {
                    return Some((Ok::<_, Infallible>(Bytes::from(lines)), (changed, version)));
                }
                changed.changed().await.ok()?;
            }
        }
    });
    Response::new(Body::from_stream(stream))
}

/// Tells which objects are asked for.
fn selector(
    plural: String,
    namespace: String,
    fields: Option<String>,
) -> impl Fn(&Key, &Value) -> bool + Clone + Send + 'static {
    move |key, object| {
        let has = |field: &str| {
            let (path, value) = field.split_once('=').expect("a field");
            path.split('.').fold(object, |object, name| &object[name]) == value
        };
        key.plural == plural && key.namespace == namespace && fields.iter().all(|fields| fields.split(',').all(has))
    }
}

impl State {
    /// What happened after a version, as lines.
    fn change_seen(&self, from: u64, selects: impl Fn(&Key, &Value) -> bool) -> (String, u64) {
        let inner = self.inner.lock();
        let news = inner.history.iter().filter(|(version, _, key, object)| *version > from && selects(key, object));
        let lines = news.map(|(_, change, _, object)| json!({"type": change, "object": object}).to_string() + "\n");
        (lines.collect(), inner.version)
    }
}

impl Inner {
    /// Notes a call; returns the failure that was asked for.
    fn called(&mut self, method: &Method, plural: &str) -> Option<Response> {
        let call = format!("{method} {plural}");
        let fault = self.faults.iter_mut().find(|fault| fault.call == call && fault.times > 0);
        let failed = fault.map(|fault| {
            fault.times -= 1;
            if fault.code == LOST { lost() } else { failure(fault.code, fault.message) }
        });
        self.requests.push(call);
        failed
    }

    /// Whether an object is the one that a call means to delete.
    fn fulfils(&self, key: &Key, body: &Bytes) -> bool {
        let options: Value = serde_json::from_slice(body).unwrap_or_default();
        let same = |field: &str, found: &Value| {
            let wanted = &options["preconditions"][field];
            wanted.is_null() || *wanted == found["metadata"][field]
        };
        self.objects.get(key).is_none_or(|found| same("uid", found) && same("resourceVersion", found))
    }

    fn list(&self, plural: &str, selects: impl Fn(&Key, &Value) -> bool) -> Value {
        let kind = if plural == "events" { "EventList" } else { "PodList" };
        let found = self.objects.iter().filter(|(key, object)| selects(key, object)).map(|(_, object)| object);
        let items: Vec<_> = found.collect();
        let metadata = json!({"resourceVersion": self.version.to_string()});
        json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "items": items})
    }
}

fn answer(code: u16, object: &Value) -> Response {
    let status = StatusCode::from_u16(code).expect("a code");
    (status, [("content-type", "application/json")], object.to_string()).into_response()
}

/// The connection ends before there is an answer.
fn lost() -> Response {
    let nothing = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    Response::new(Body::from_stream(futures::stream::iter([nothing])))
}

fn absent(key: &Key) -> Response {
    failure(404, &format!("{} \"{}\" not found", key.plural, key.name))
}

fn failure(code: u16, message: &str) -> Response {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        422 => "Invalid",
        _ => "InternalError",
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "code": code,
    });
    answer(code, &status)
}
