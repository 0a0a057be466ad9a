//! Keys, limits, usage, and what of providers and models came with them.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

pub(super) fn all(world: &World) -> Vec<Case> {
    let mut cases = keys();
    cases.extend(limits());
    cases.extend(usage());
    cases.extend(providers_and_models());
    let cases = cases.into_iter().map(|case| case.token(&world.admin));
    cases.chain(members(world)).collect()
}

fn keys() -> Vec<Case> {
    let key = |name, body: Value| Case::post(name, "/api/v1/keys", &body);
    let central = |name, more: Value| {
        let mut body = json!({"provider": "sim", "scope": "KEY_SCOPE_CENTRAL", "secret": "key-of-a-test"});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        key(name, body)
    };
    vec![
        key("key of nobody", json!({"provider": "sim", "secret": "s"})).violates("scope", "must be KEY_SCOPE_CENTRAL"),
        central("key without a secret", json!({"secret": ""})).violates("secret", "must be the key to call"),
        central("secret with a blank", json!({"secret": "a b"})).violates("secret", "must be at most 4096 printable"),
        central("key without a provider", json!({"provider": ""})).violates("provider", "must be the name or"),
        central("key with a long name", json!({"name": "n".repeat(65)})).violates("name", "must be at most 64"),
        central("key with a huge weight", json!({"weight": 101})).violates("weight", "must be from 1 to 100"),
        central("key of an unknown provider", json!({"provider": "nobody"})).expect(
            404,
            Code::NotFound,
            "provider `nobody` not found",
        ),
        key(
            "own key where the policy allows none",
            json!({"provider": "sim", "scope": "KEY_SCOPE_USER", "secret": "s"}),
        )
        .expect(400, Code::FailedPrecondition, "provider `sim` takes no keys of users"),
        Case::patch("change a key that is none", "/api/v1/keys/x", &json!({})).violates("key_id", "must be a UUID"),
        Case::delete("delete an unknown key", format!("/api/v1/keys/{NOBODY}")).expect(
            404,
            Code::NotFound,
            format!("key `{NOBODY}` not found"),
        ),
        Case::get("keys of an unknown provider", "/api/v1/keys?provider=nobody").expect(
            404,
            Code::NotFound,
            "provider `nobody` not found",
        ),
        Case::get("keys with a foreign page token", "/api/v1/keys?page_token=abc")
            .violates("page_token", "is not a token"),
    ]
}

fn limits() -> Vec<Case> {
    let limit = |name, body: Value| Case::post(name, "/api/v1/limits", &body);
    let day = "LIMIT_PERIOD_DAY";
    vec![
        limit("limit for nobody", json!({"period": day, "max_requests": 1})).violates("scope", "must be LIMIT_SCOPE_"),
        limit("limit without a period", json!({"scope": "LIMIT_SCOPE_DEFAULT", "max_requests": 1}))
            .violates("period", "must be LIMIT_PERIOD_DAY"),
        limit("limit of nothing", json!({"scope": "LIMIT_SCOPE_DEFAULT", "period": day}))
            .violates("max_cost_micros", "must be set, or max_tokens, or max_requests"),
        limit(
            "limit of a user who is none",
            json!({"scope": "LIMIT_SCOPE_USER", "subject_id": "me", "period": day, "max_requests": 1}),
        )
        .violates("subject_id", "must be a UUID"),
        limit("limit of no group", json!({"scope": "LIMIT_SCOPE_GROUP", "period": day, "max_requests": 1}))
            .violates("subject_id", "must be the identifier of a group"),
        limit(
            "default limit of someone",
            json!({"scope": "LIMIT_SCOPE_DEFAULT", "subject_id": "x", "period": day, "max_requests": 1}),
        )
        .violates("subject_id", "must be empty for the default"),
        Case::patch("limit changed to nothing", format!("/api/v1/limits/{NOBODY}"), &json!({}))
            .violates("max_cost_micros", "must be set"),
        Case::patch("change an unknown limit", format!("/api/v1/limits/{NOBODY}"), &json!({"max_requests": 1})).expect(
            404,
            Code::NotFound,
            format!("limit `{NOBODY}` not found"),
        ),
        Case::delete("delete a limit that is none", "/api/v1/limits/x").violates("limit_id", "must be a UUID"),
    ]
}

fn usage() -> Vec<Case> {
    vec![
        Case::get("usage of a user who is none", "/api/v1/usage?user_id=me").violates("user_id", "must be a UUID"),
        Case::get("usage of a chat that is none", "/api/v1/usage?chat_id=x").violates("chat_id", "must be a UUID"),
        Case::get(
            "usage of a time that ends before it begins",
            "/api/v1/usage?start_time=2026-02-01T00:00:00Z&end_time=2026-01-01T00:00:00Z",
        )
        .violates("end_time", "must be later than start_time"),
        Case::get("usage with a foreign page token", "/api/v1/usage?page_token=abc")
            .violates("page_token", "is not a token"),
        Case::get("usage events with a negative page", "/api/v1/usage/events?page_size=-1")
            .violates("page_size", "must not be negative"),
        Case::get("debug record of nothing", format!("/api/v1/usage/{NOBODY}/debug")).expect(
            404,
            Code::NotFound,
            "not found",
        ),
        Case::get("debug record of a call that is none", "/api/v1/usage/x/debug")
            .violates("usage_id", "must be a UUID"),
    ]
}

fn providers_and_models() -> Vec<Case> {
    let policy = |name, policy: Value| Case::patch(name, "/api/v1/providers/sim", &json!({ "key_policy": policy }));
    let change = |name, body: Value| Case::patch(name, "/api/v1/models/quick", &body);
    let anthropic = |name, options: Value| {
        Case::post(name, "/api/v1/models", &json!({"provider": "sim", "model": "m", "options": options}))
    };
    vec![
        policy("policy that allows nobody", json!({})).violates("key_policy.central_api_key_enabled", "must be true"),
        policy(
            "policy with a fallback to nothing",
            json!({"allow_user_api_key": true, "allow_central_api_key_fallback": true}),
        )
        .violates("key_policy.allow_central_api_key_fallback", "needs central_api_key_enabled"),
        Case::post("test of an unknown provider", "/api/v1/providers/nobody:test", &json!({})).expect(
            404,
            Code::NotFound,
            "provider `nobody` not found",
        ),
        Case::post("test with an unknown key", "/api/v1/providers/sim:test", &json!({"key_id": NOBODY})).expect(
            404,
            Code::NotFound,
            format!("key `{NOBODY}` not found"),
        ),
        Case::patch("change an unknown model", "/api/v1/models/gpt-9", &json!({})).expect(
            404,
            Code::NotFound,
            "model `gpt-9` not found",
        ),
        change("no default any more", json!({"is_default": false})).violates("is_default", "must not be false"),
        change("default that is switched off", json!({"is_default": true, "enabled": false}))
            .violates("is_default", "must not be true for a model that is switched off"),
        change("fallback to itself", json!({"fallbacks": {"models": ["quick"]}}))
            .violates("fallbacks.models[0]", "must be another model"),
        change("fallback to nothing", json!({"fallbacks": {"models": ["gpt-9"]}}))
            .violates("fallbacks.models[0]", "is the name of no model"),
        change("threshold of 101", json!({"compaction_threshold_percent": 101}))
            .violates("compaction_threshold_percent", "must be from 0 to 100"),
        anthropic("temperature that Anthropic refuses", json!({"temperature": 1.5}))
            .violates("options.temperature", "must be from 0 to 1 for Anthropic"),
        anthropic("seed for Anthropic", json!({"seed": 1})).violates("options.seed", "is not known to providers"),
        anthropic("extra body that is no object", json!({"extra_body": "[]"}))
            .violates("options.extra_body", "must be a JSON object"),
    ]
}

fn members(world: &World) -> Vec<Case> {
    let denied =
        |case: Case| case.token(&world.member).expect(403, Code::PermissionDenied, "only an administrator may do this");
    let central = json!({"provider": "sim", "scope": "KEY_SCOPE_CENTRAL", "secret": "key-of-a-test"});
    let limit = json!({"scope": "LIMIT_SCOPE_DEFAULT", "period": "LIMIT_PERIOD_DAY", "max_requests": 1});
    vec![
        denied(Case::post("member creates a central key", "/api/v1/keys", &central)),
        denied(Case::post("member creates a limit", "/api/v1/limits", &limit)),
        denied(Case::get("member lists limits", "/api/v1/limits")),
        denied(Case::get("member looks at others' usage", format!("/api/v1/usage?user_id={NOBODY}"))),
        denied(Case::get("member lists others' calls", format!("/api/v1/usage/events?user_id={NOBODY}"))),
        denied(Case::get("member reads a debug record", format!("/api/v1/usage/{NOBODY}/debug"))),
        denied(Case::post("member tests a provider", "/api/v1/providers/sim:test", &json!({}))),
        denied(Case::patch("member changes a model", "/api/v1/models/quick", &json!({"enabled": false}))),
    ]
}
