//! Why a request did not reach the service that calls models, as the SDKs read it.

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use chatmesh_proto::llm::v1::ClientProtocol;
use serde_json::json;
use tonic::{Code, Status};

/// A refusal.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The address takes another method.
    Method(Method),
    /// The body has more bytes than this.
    TooLarge(usize),
    /// A service said so.
    Status(Status),
}

/// How a refusal is told: the HTTP status, the word of OpenAI and its code, the word of Anthropic.
struct Told {
    status: u16,
    openai: &'static str,
    code: &'static str,
    anthropic: &'static str,
}

const fn told(status: u16, openai: &'static str, code: &'static str, anthropic: &'static str) -> Told {
    Told { status, openai, code, anthropic }
}

impl Refusal {
    fn told(&self) -> Told {
        const INVALID: &str = "invalid_request_error";
        match self {
            Self::Method(_) => told(405, INVALID, "method_not_allowed", INVALID),
            Self::TooLarge(_) => told(413, INVALID, "request_too_large", "request_too_large"),
            Self::Status(status) => match status.code() {
                Code::Unauthenticated => told(401, INVALID, "invalid_api_key", "authentication_error"),
                Code::PermissionDenied => told(403, "permission_error", "permission_denied", "permission_error"),
                Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => {
                    told(400, INVALID, "invalid_request", INVALID)
                }
                Code::NotFound => told(404, INVALID, "not_found", "not_found_error"),
                Code::ResourceExhausted => told(429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error"),
                Code::Unavailable => told(503, "service_unavailable_error", "service_unavailable", "api_error"),
                Code::DeadlineExceeded => told(504, "timeout_error", "timeout", "timeout_error"),
                _ => told(500, "server_error", "server_error", "api_error"),
            },
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Method(method) => format!("This address takes {method} only."),
            Self::TooLarge(limit) => format!("The body is larger than the {limit} bytes that are accepted."),
            Self::Status(status) if status.code() == Code::Unauthenticated => {
                format!("{} Send a token as `Authorization: Bearer TOKEN` or as `x-api-key`.", sentence(status))
            }
            Self::Status(status) => sentence(status),
        }
    }

    /// The response in the words of a protocol.
    pub(super) fn response(&self, protocol: ClientProtocol, request_id: &str) -> Response {
        let (told, message) = (self.told(), self.message());
        let body = match protocol {
            ClientProtocol::Messages => json!({
                "type": "error", "error": {"type": told.anthropic, "message": message}, "request_id": request_id,
            }),
            _ => json!({
                "error": {"message": message, "type": told.openai, "param": null, "code": told.code},
            }),
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::try_from(request_id) {
            headers.insert("x-request-id", id.clone());
            headers.insert("request-id", id);
        }
        match (self, told.status) {
            (Self::Method(method), _) => {
                headers.insert(
                    header::ALLOW,
                    HeaderValue::from_str(method.as_str()).unwrap_or(HeaderValue::from_static("POST")),
                );
            }
            (_, 401) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

/// A status's text with a capital and a full stop, as the other errors of these endpoints have them.
fn sentence(status: &Status) -> String {
    let mut letters = status.message().chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let rest = letters.as_str();
    let end = if rest.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{rest}{end}")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::Value;

    use super::*;

    async fn body(refusal: &Refusal, protocol: ClientProtocol) -> (u16, Value) {
        let response = refusal.response(protocol, "id-1");
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[tokio::test]
    async fn each_family_of_sdks_is_refused_in_its_own_words() {
        let refusal = Refusal::Status(Status::unauthenticated("the token is not known"));
        let (status, openai) = body(&refusal, ClientProtocol::Responses).await;
        assert_eq!((status, &openai["error"]["code"]), (401, &json!("invalid_api_key")));
        let message = "The token is not known. Send a token as `Authorization: Bearer TOKEN` or as `x-api-key`.";
        assert_eq!(openai["error"]["message"], message);
        let (status, anthropic) = body(&refusal, ClientProtocol::Messages).await;
        assert_eq!((status, &anthropic["type"]), (401, &json!("error")));
        assert_eq!(anthropic["error"]["type"], "authentication_error");
        assert_eq!(anthropic["request_id"], "id-1");
        let (status, _) = body(&Refusal::Method(Method::POST), ClientProtocol::Messages).await;
        assert_eq!(status, 405);
        let (status, large) = body(&Refusal::TooLarge(9), ClientProtocol::Messages).await;
        assert_eq!((status, &large["error"]["type"]), (413, &json!("request_too_large")));
    }
}
