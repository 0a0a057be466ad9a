//! Providers, models, users and tokens.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

pub(super) fn all(world: &World) -> Vec<Case> {
    let mut cases = providers();
    cases.extend(models());
    cases.extend(identities());
    cases.into_iter().map(|case| case.token(&world.admin)).collect()
}

fn providers() -> Vec<Case> {
    let provider = |name, body: Value| Case::post(name, "/api/v1/providers", &body);
    vec![
        provider("provider without a type", json!({"name": "p"})).violates("type", "must be set, for example to"),
        provider(
            "region that is a path",
            json!({"name": "p", "type": "PROVIDER_TYPE_BEDROCK", "settings": {"region": "../eu"}}),
        )
        .violates("settings.region", "must be at most 64 letters, digits"),
        provider(
            "unknown protocol of Azure",
            json!({"name": "p", "type": "PROVIDER_TYPE_AZURE", "settings": {"azure_api": 9}}),
        )
        .violates("settings.azure_api", "must be one of `AZURE_API_UNSPECIFIED`"),
        provider("unknown provider type", json!({"name": "p", "type": "PROVIDER_TYPE_ORACLE"})).expect(
            400,
            Code::InvalidArgument,
            "PROVIDER_TYPE_ANTHROPIC",
        ),
        provider("bad base_url", json!({"name": "p", "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": "example.com"}))
            .violates("base_url", "must be an http or https URL, like"),
        provider(
            "base_url of another scheme",
            json!({"name": "p", "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": "file:///etc/passwd"}),
        )
        .violates("base_url", "must be an http or https URL, like"),
        provider(
            "base_url with a line feed",
            json!({"name": "p", "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": "http://example.com/\n"}),
        )
        .violates("base_url", "must be an http or https URL, like"),
        provider("bad provider name", json!({"name": "p/1", "type": "PROVIDER_TYPE_ANTHROPIC"}))
            .violates("name", "must be 1 to 64 letters, digits"),
        provider(
            "API key with a line feed",
            json!({"name": "p", "type": "PROVIDER_TYPE_ANTHROPIC", "api_key": "k\ny"}),
        )
        .violates("api_key", "must be at most 4096 printable ASCII characters"),
        provider("duplicate provider name", json!({"name": "sim", "type": "PROVIDER_TYPE_ANTHROPIC"})).expect(
            409,
            Code::AlreadyExists,
            "a provider named `sim` exists: use it or choose another name",
        ),
        Case::new("change an unknown provider", "PATCH", "/api/v1/providers/nobody").body("{}").expect(
            404,
            Code::NotFound,
            "provider `nobody` not found",
        ),
        provider("empty provider name", json!({"name": "", "type": "PROVIDER_TYPE_ANTHROPIC"}))
            .violates("name", "must be 1 to 64 letters, digits"),
        provider(
            "over-long API key",
            json!({"name": "p", "type": "PROVIDER_TYPE_ANTHROPIC", "api_key": "k".repeat(4097)}),
        )
        .violates("api_key", "must be at most 4096 printable ASCII characters"),
        provider(
            "provider with a bad request_id",
            json!({"name": "p", "type": "PROVIDER_TYPE_ANTHROPIC", "request_id": "1"}),
        )
        .violates("request_id", "must be a UUID"),
        Case::patch("bad new base_url", "/api/v1/providers/sim", &json!({"base_url": "example.com"}))
            .violates("base_url", "must be an http or https URL, like"),
        Case::patch("new API key with a line feed", "/api/v1/providers/sim", &json!({"api_key": "k\ny"}))
            .violates("api_key", "must be at most 4096 printable ASCII characters"),
        Case::delete("delete a provider with models", "/api/v1/providers/sim").expect(
            400,
            Code::FailedPrecondition,
            "provider `sim` has models: delete them first",
        ),
        Case::delete("delete an unknown provider", "/api/v1/providers/nobody").expect(
            404,
            Code::NotFound,
            "provider `nobody` not found",
        ),
    ]
}

fn models() -> Vec<Case> {
    let model = |name, body: Value| Case::post(name, "/api/v1/models", &body);
    let options = |name, options: Value| model(name, json!({"provider": "sim", "model": "m", "options": options}));
    vec![
        model("model of an unknown provider", json!({"provider": "nobody", "model": "m"}))
            .violates("provider", "names no provider: `nobody` not found"),
        model("model without a provider", json!({"model": "m"})).violates("provider", "must be the name or identifier"),
        model("model without a name", json!({"provider": "sim"})).violates("model", "must be 1 to 200 printable"),
        options("temperature 3", json!({"temperature": 3})).violates("options.temperature", "must be from 0 to 2"),
        options("top_p 1.5", json!({"top_p": 1.5})).violates("options.top_p", "must be from 0 to 1"),
        options("unknown reasoning effort", json!({"reasoning_effort": "maximal"}))
            .violates("options.reasoning_effort", "must be one of none, minimal"),
        options("answers of no token", json!({"max_output_tokens": 0}))
            .violates("options.max_output_tokens", "must be at least 1"),
        options("temperature -1", json!({"temperature": -1})).violates("options.temperature", "must be from 0 to 2"),
        options("top_p -0.1", json!({"top_p": -0.1})).violates("options.top_p", "must be from 0 to 1"),
        options("thinking budget below the least", json!({"thinking_budget_tokens": 1023}))
            .violates("options.thinking_budget_tokens", "must be at least 1024"),
        model(
            "threshold of 101 percent",
            json!({"provider": "sim", "model": "m", "compaction_threshold_percent": 101}),
        )
        .violates("compaction_threshold_percent", "must be from 0 to 100"),
        model("model with a blank in its name", json!({"provider": "sim", "model": "m", "name": "a b"}))
            .violates("name", "must be 1 to 200 printable characters without blanks"),
        model("model with a bad request_id", json!({"provider": "sim", "model": "m", "request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        model("duplicate model name", json!({"provider": "sim", "model": "quick"})).expect(
            409,
            Code::AlreadyExists,
            "a model named `quick` exists: use it or choose another name",
        ),
        Case::delete("delete an unknown model", "/api/v1/models/gpt-9").expect(
            404,
            Code::NotFound,
            "model `gpt-9` not found",
        ),
    ]
}

fn identities() -> Vec<Case> {
    let user = |name, body: Value| Case::post(name, "/api/v1/users", &body);
    let token = |name, body: Value| Case::post(name, "/api/v1/tokens", &body);
    vec![
        user("bad user name", json!({"name": "a b"})).violates("name", "must be 1 to 64 letters, digits"),
        user("empty user name", json!({"name": ""})).violates("name", "must be 1 to 64 letters, digits"),
        user("user with a bad request_id", json!({"name": "x", "request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        user("duplicate user name", json!({"name": "member"})).expect(
            409,
            Code::AlreadyExists,
            "a user named `member` exists: choose another name",
        ),
        user("unknown role", json!({"name": "x", "role": 7}))
            .violates("role", "must be one of `USER_ROLE_UNSPECIFIED`, `USER_ROLE_MEMBER`"),
        token("token without a name", json!({})).violates("name", "must be 1 to 100 characters"),
        token("over-long token name", json!({"name": "t".repeat(101)})).violates("name", "must be 1 to 100 characters"),
        token("token of what is no UUID", json!({"name": "t", "user_id": "me"})).violates("user_id", "must be a UUID"),
        token("token of an unknown user", json!({"name": "t", "user_id": NOBODY})).expect(
            404,
            Code::NotFound,
            format!("user `{NOBODY}` not found"),
        ),
        token("token that is expired already", json!({"name": "t", "expire_time": "2001-01-01T00:00:00Z"}))
            .violates("expire_time", "must be"),
        token("token with a time that is none", json!({"name": "t", "expire_time": "tomorrow"}))
            .violates("expire_time", "must be a time as in RFC 3339, like"),
        token("NUL in a token's name", json!({"name": "a\0b"})).violates("name", "without NUL"),
    ]
}
