//! What every call goes through: who calls is found out, and a handler that panics answers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatmesh_core::{Clock, IdSource as _, SecretString, SystemClock, SystemIds, Timestamp};
use chatmesh_rpc::assertion::{AssertionError, KeySource, ServiceSigner, UserSigner, VerificationKey, Verifier};
use chatmesh_rpc::server::ServerLayer;
use chatmesh_rpc::{Caller, Role, RpcMetrics, UserId, metadata};
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use http::{HeaderValue, Request, Response};
use prometheus_client::registry::Registry;
use tonic::Code;
use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _, service_fn};

const SECRET: &str = "a secret of at least thirty-two characters";
const KEY_ID: &str = "the-key";

/// A fixed key pair.
fn key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[7; 32])
}

#[derive(Debug)]
struct OneKey;

#[async_trait]
impl KeySource for OneKey {
    async fn fetch(&self) -> Result<Vec<VerificationKey>, AssertionError> {
        let public_key = key().verifying_key().to_bytes().to_vec();
        Ok(vec![VerificationKey { key_id: KEY_ID.to_owned(), public_key }])
    }
}

#[derive(Debug)]
struct NoKeys;

#[async_trait]
impl KeySource for NoKeys {
    async fn fetch(&self) -> Result<Vec<VerificationKey>, AssertionError> {
        Err(AssertionError::KeysUnavailable("identity is away".to_owned()))
    }
}

#[derive(Debug)]
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn user_signer(key_id: &str, clock: Arc<dyn Clock>) -> UserSigner {
    let pkcs8 = key().to_pkcs8_der().expect("a key");
    UserSigner::new(key_id.to_owned(), pkcs8.as_bytes(), clock)
}

/// Sends a call with this assertion through the layer to a handler that says who calls.
async fn call(keys: Arc<dyn KeySource>, path: &str, assertion: Option<&str>) -> (Code, Option<Caller>) {
    let verifier = Verifier::new(&SecretString::from(SECRET), keys);
    let layer = ServerLayer::new(verifier, RpcMetrics::register(&mut Registry::default()));
    let handler = service_fn(async |request: Request<Body>| {
        assert!(!request.uri().path().ends_with("/Panic"), "this handler panics");
        let mut response = Response::new(Body::empty());
        if let Some(caller) = request.extensions().get::<Caller>() {
            response.extensions_mut().insert(caller.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let mut request = Request::builder().uri(path);
    if let Some(assertion) = assertion {
        request = request.header(metadata::ASSERTION, assertion);
    }
    let request = request.body(Body::empty()).expect("a request");
    let mut response = layer.layer(handler).oneshot(request).await.expect("infallible");
    let code = response.headers().get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    (code, response.extensions_mut().remove())
}

fn text(assertion: Result<HeaderValue, AssertionError>) -> String {
    assertion.expect("signed").to_str().expect("ASCII").to_owned()
}

const METHOD: &str = "/chatmesh.chat.v1.ChatService/GetChat";

#[tokio::test]
async fn a_user_and_a_service_are_told_apart() {
    let user = UserId(SystemIds.next());
    let (assertion, _) = user_signer(KEY_ID, Arc::new(SystemClock)).sign(user, Role::Member).expect("signed");
    let (code, caller) = call(Arc::new(OneKey), METHOD, Some(&assertion)).await;
    assert_eq!((code, caller), (Code::Ok, Some(Caller::user(user, Role::Member))));

    let signer = ServiceSigner::new("chat", &SecretString::from(SECRET), Arc::new(SystemClock));
    let assertion = text(signer.sign(Some((user, Role::Member))));
    let (code, caller) = call(Arc::new(NoKeys), METHOD, Some(&assertion)).await;
    assert_eq!((code, caller), (Code::Ok, Some(Caller::service("chat", Some((user, Role::Member))))));
}

#[tokio::test]
async fn what_is_not_a_valid_assertion_is_refused() {
    let user = UserId(SystemIds.next());
    let sign = |signer: UserSigner| signer.sign(user, Role::Admin).expect("signed").0;
    let long_ago = Arc::new(At(SystemClock.now() - std::time::Duration::from_secs(3600)));
    let stranger =
        ServiceSigner::new("chat", &SecretString::from("another secret of enough characters"), Arc::new(SystemClock));
    let none_algorithm = "eyJhbGciOiJub25lIn0.eyJzdmMiOiJjaGF0IiwiZXhwIjo0MTAyNDQ0ODAwfQ.";
    let valid = sign(user_signer(KEY_ID, Arc::new(SystemClock)));
    let (head, _) = valid.rsplit_once('.').expect("three parts");
    let table: [(&str, Option<String>); 7] = [
        ("none", None),
        ("nonsense", Some("nonsense".to_owned())),
        ("expired", Some(sign(user_signer(KEY_ID, long_ago)))),
        ("a key that nobody knows", Some(sign(user_signer("another-key", Arc::new(SystemClock))))),
        ("another mesh's secret", Some(text(stranger.sign(None)))),
        ("no algorithm", Some(none_algorithm.to_owned())),
        ("no signature", Some(format!("{head}."))),
    ];
    for (name, assertion) in table {
        let (code, caller) = call(Arc::new(OneKey), METHOD, assertion.as_deref()).await;
        assert_eq!((code, caller), (Code::Unauthenticated, None), "{name}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_no_reason_to_blame_the_caller() {
    let (assertion, _) =
        user_signer(KEY_ID, Arc::new(SystemClock)).sign(UserId(SystemIds.next()), Role::Member).expect("signed");
    let (code, _) = call(Arc::new(NoKeys), METHOD, Some(&assertion)).await;
    assert_eq!(code, Code::Unavailable);
}

#[tokio::test]
async fn health_needs_no_caller() {
    let (code, caller) = call(Arc::new(NoKeys), "/grpc.health.v1.Health/Check", None).await;
    assert_eq!((code, caller), (Code::Ok, None));
}

#[tokio::test]
async fn a_handler_that_panics_answers_internal() {
    let signer = ServiceSigner::new("chat", &SecretString::from(SECRET), Arc::new(SystemClock));
    let assertion = text(signer.sign(None));
    let (code, _) = call(Arc::new(NoKeys), "/chatmesh.chat.v1.ChatService/Panic", Some(&assertion)).await;
    assert_eq!(code, Code::Internal);
}

/// What a service says again lives long enough for the call, and is of one user.
#[tokio::test]
async fn a_service_says_again_what_it_signed_for_half_of_its_life() {
    let clock = Arc::new(Hands(Mutex::new(SystemClock.now())));
    let signer = ServiceSigner::new("chat", &SecretString::from(SECRET), Arc::clone(&clock) as Arc<dyn Clock>);
    let user = Some((UserId(SystemIds.next()), Role::Member));
    let first = text(signer.sign(user));
    assert_ne!(first, text(signer.sign(None)));
    assert_ne!(first, text(signer.sign(user.map(|(id, _)| (id, Role::Admin)))));
    clock.forward(29);
    assert_eq!(first, text(signer.sign(user)));
    clock.forward(1);
    let second = text(signer.sign(user));
    assert_ne!(first, second);
    let (code, caller) = call(Arc::new(NoKeys), METHOD, Some(&second)).await;
    assert_eq!((code, caller), (Code::Ok, Some(Caller::service("chat", user))));
}

/// A clock that is set by hand.
#[derive(Debug)]
struct Hands(Mutex<Timestamp>);

impl Hands {
    fn forward(&self, seconds: u64) {
        *self.0.lock().expect("not poisoned") += std::time::Duration::from_secs(seconds);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}
