//! One row per answer or accident, and what it means.

use ErrorKind::{
    Auth, Config, ContentFilter, Generic, MissingKey, Overloaded, ProviderDisabled, RateLimit, StreamSilenceTimeout,
    Timeout, UsageLimit,
};
use chatmesh_proto::common::v1::ErrorKind;

use super::{answered, classify, headers};
use crate::classify::{Cause, Classifier, Failure, Transport, parse_body, retry_advice};

pub(super) enum From {
    Status(u16, &'static str),
    /// An answer with a header.
    Header(u16, (&'static str, &'static str), &'static str),
    /// An error in a stream that began with a success.
    InStream(&'static str),
    Ours(Cause),
}
use From::{Header, InStream, Ours, Status};

pub(super) struct Row {
    from: From,
    kind: ErrorKind,
    retryable: bool,
    flag: &'static str,
}

impl Row {
    pub(super) fn failure(&self) -> Failure {
        match self.from {
            Status(status, body) => answered(status, body),
            Header(status, header, body) => {
                let advice = retry_advice(&headers(&[header]));
                let failure = answered(status, body);
                let retry_after_ms = advice.after_ms.or(failure.retry_after_ms);
                Failure { retry_after_ms, should_retry: advice.should_retry, ..failure }
            }
            InStream(body) => parse_body(body.as_bytes()),
            Ours(cause) => Failure::of(cause, ""),
        }
    }
}

const fn row(from: From, kind: ErrorKind, retryable: bool) -> Row {
    Row { from, kind, retryable, flag: "" }
}

/// The provider cannot read the reasoning of an earlier answer.
const fn unreadable(status: u16, body: &'static str) -> Row {
    Row { from: Status(status, body), kind: Config, retryable: false, flag: "reasoning" }
}

const RETRY: (&str, &str) = ("x-should-retry", "true");
const STOP: (&str, &str) = ("x-should-retry", "false");

const fn overflow(status: u16, body: &'static str) -> Row {
    Row { from: Status(status, body), kind: Config, retryable: false, flag: "overflow" }
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row(Status(529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#), Overloaded, true),
    row(InStream(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#), Overloaded, true),
    row(InStream(r#"{"type":"error","error":{"type":"api_error","message":"Overloaded"}}"#), Overloaded, true),
    row(Status(503, r#"{"error":{"code":"server_is_overloaded","message":"Please slow down"}}"#), Overloaded, true),
    row(Status(503, "The engine is currently overloaded, please try again later"), Overloaded, true),
    row(Status(429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"Number of request tokens has exceeded your per-minute rate limit"}}"#), RateLimit, true),
    row(Status(429, r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#), UsageLimit, false),
    row(Status(400, r#"{"error":{"message":"x","code":"insufficient_quota"}}"#), UsageLimit, false),
    row(InStream(r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#), UsageLimit, false),
    row(Status(403, "quota exceeded, check billing"), UsageLimit, false),
    row(Status(429, "billing hard limit rate"), RateLimit, true),
    row(Status(402, ""), UsageLimit, false),
    row(Status(429, r#"{"error":{"message":"x","type":"insufficient_quota","code":"credit_balance_exhausted"}}"#), UsageLimit, false),
    row(Status(429, r#"{"error":{"message":"x","code":"project_spend_limit_exceeded"}}"#), UsageLimit, false),
    row(InStream(r#"{"error":{"code":"bio_policy","message":"x"}}"#), ContentFilter, false),
    row(Status(402, r#"{"error":{"code":402,"message":"Insufficient credits"}}"#), UsageLimit, false),
    row(Status(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#), UsageLimit, false),
    row(Status(429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}"#), UsageLimit, false),
    row(Status(429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"ramp_limit_exceeded"}}}"#), UsageLimit, false),
    row(Status(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has reached its spend limit."}}"#), UsageLimit, false),
    row(Status(429, r#"{"error":{"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]}]}}"#), UsageLimit, false),
    row(Status(429, r#"{"error":{"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProject"}]}]}}"#), RateLimit, true),
    row(Status(401, ""), Auth, false),
    row(Status(401, r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#), Auth, false),
    row(InStream(r#"{"type":"error","error":{"type":"authentication_error","message":"no"}}"#), Auth, false),
    row(Status(403, "Forbidden"), Auth, false),
    row(Status(403, r#"{"type":"error","error":{"type":"permission_error","message":"Your key may not do this."}}"#), Auth, false),
    row(Status(403, r#"{"message":"You don't have access to the model with the specified model ID in this region."}"#), Config, false),
    row(Status(400, r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#), Auth, false),
    row(Status(403, r#"{"__type":"com.amazon#UnrecognizedClientException","message":"The security token is invalid"}"#), Auth, false),
    row(Status(403, r#"{"__type":"ExpiredTokenException","message":"The security token has expired"}"#), Auth, false),
    row(Status(404, r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#), Config, false),
    row(Status(404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-99"}}"#), Config, false),
    row(Status(404, r#"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","code":"model_not_found"}}"#), Config, false),
    row(Status(429, "model not found"), Config, false),
    row(Status(503, "unsupported model"), Config, false),
    row(Status(400, r#"{"error":{"message":"Unsupported value: 'temperature'","type":"invalid_request_error"}}"#), Config, false),
    row(Status(422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#), Config, false),
    row(Status(413, ""), Config, false),
    row(Status(405, ""), Config, false),
    row(Status(308, ""), Config, false),
    overflow(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#),
    overflow(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000"}}"#),
    overflow(400, r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.","code":"context_length_exceeded"}}"#),
    overflow(400, r#"{"message":"Range of input length should be [1, 30720]"}"#),
    overflow(400, r#"{"error":{"message":"Input too long: 250000 input tokens, limit is 200000"}}"#),
    overflow(400, r#"{"error":{"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#),
    overflow(400, r#"{"message":"Input is too long for requested model."}"#),
    overflow(400, r#"{"error":{"message":"Your input exceeds the context window of this model."}}"#),
    overflow(400, r#"{"error":{"message":"Your input exceeds the context window of this model. Please adjust your input and try again.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#),
    overflow(400, r#"{"error":{"message":"Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens."}}"#),
    overflow(400, r#"{"error":{"message":"This model's maximum prompt length is 131072 but the request contains 537812 tokens."}}"#),
    overflow(400, r#"{"error":{"message":"This endpoint's maximum context length is 200000 tokens. However, you requested about 250000 tokens.","code":400}}"#),
    overflow(400, r#"{"error":{"message":"Please reduce the length of the messages or completion.","code":"context_length_exceeded"}}"#),
    overflow(400, r#"{"error":{"type":"invalid_request_error","message":"Your request exceeded model token limit: 262144 (requested: 267138)"}}"#),
    Row { from: InStream(r#"{"type":"error","error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"x"}}"#), kind: Config, retryable: false, flag: "overflow" },
    Row { from: InStream(r#"{"type":"error","code":"context_length_exceeded","message":"x","param":null,"sequence_number":2}"#), kind: Config, retryable: false, flag: "overflow" },
    overflow(500, r#"{"error":{"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#),
    overflow(429, "This model's maximum context length is 8192 tokens"),
    row(Status(429, r#"{"error":{"message":"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000","code":"rate_limit_exceeded"}}"#), RateLimit, true),
    row(Status(408, ""), Timeout, true),
    row(Status(502, "<html><title>502 Bad Gateway</title></html>"), Timeout, true),
    row(Status(503, ""), Timeout, true),
    row(Status(504, r#"{"type":"error","error":{"type":"timeout_error","message":"Request timed out"}}"#), Timeout, true),
    row(InStream(r#"{"type":"error","error":{"type":"timeout_error","message":"x"}}"#), Timeout, true),
    row(Status(424, r#"{"message":"modelStreamErrorException"}"#), Timeout, true),
    row(InStream(r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"x"}}}"#), Timeout, true),
    row(InStream(r#"{"error":{"code":429,"message":"Provider returned error"}}"#), RateLimit, true),
    row(InStream("read: connection reset by peer"), Timeout, true),
    row(InStream("dial tcp: connection refused"), Timeout, true),
    row(InStream("unexpected EOF"), Timeout, true),
    row(InStream("write: broken pipe"), Timeout, true),
    row(InStream("lookup api.example: no such host"), Timeout, true),
    row(InStream("net/http: TLS handshake timeout"), Timeout, true),
    row(InStream("upstream failed with status code: 503"), Timeout, true),
    row(Ours(Cause::Transport(Transport::Unavailable)), Timeout, true),
    row(Ours(Cause::Transport(Transport::Refused)), Generic, false),
    row(Ours(Cause::Transport(Transport::Canceled)), Generic, false),
    row(Ours(Cause::Transport(Transport::Misconfigured)), Config, false),
    row(Ours(Cause::Incomplete), Timeout, true),
    row(Ours(Cause::Protocol), Generic, true),
    row(Ours(Cause::StartTimeout), StreamSilenceTimeout, true),
    row(Ours(Cause::SilenceTimeout), StreamSilenceTimeout, true),
    row(Ours(Cause::Deadline), Timeout, false),
    row(InStream("context deadline exceeded"), Timeout, false),
    row(Ours(Cause::Canceled), Generic, false),
    row(InStream("the chat was interrupted by the user"), Generic, false),
    row(Ours(Cause::ProviderDisabled), ProviderDisabled, false),
    row(InStream(r#"{"error":{"code":"provider_disabled","message":"x"}}"#), ProviderDisabled, false),
    row(Ours(Cause::MissingKey), MissingKey, false),
    row(Ours(Cause::Configuration), Config, false),
    row(Status(500, "context canceled"), Generic, true),
    row(Status(500, "<html><title>Internal Server Error</title></html>"), Generic, true),
    row(Status(500, r#"{"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#), Generic, true),
    row(InStream(r#"{"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#), Generic, true),
    row(InStream(r#"{"error":{"message":"The server had an error while processing your request","type":"server_error"}}"#), Generic, true),
    row(Status(520, ""), Generic, true),
    row(Status(409, r#"{"type":"error","error":{"type":"conflict_error","message":"x"}}"#), Generic, true),
    row(InStream("stream 429 was closed"), Generic, false),
    row(InStream("cannot use port 5003"), Generic, false),
    row(InStream("see id req_500"), Generic, false),
    row(InStream("used 503 tokens"), Generic, false),
    row(Status(418, "teapot"), Generic, false),
    Row { from: Status(400, r#"{"error":{"message":"Previous response with id 'resp_1' not found.","code":"previous_response_not_found"}}"#), kind: Generic, retryable: true, flag: "chain" },
    Row { from: Status(404, r#"{"error":{"message":"Previous response with id 'resp_1' not found.","type":"invalid_request_error"}}"#), kind: Generic, retryable: true, flag: "chain" },
    row(Status(404, r#"{"error":{"message":"Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.","type":"invalid_request_error"}}"#), Config, false),
    row(Status(400, r#"{"error":{"message":"Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'.","type":"invalid_request_error"}}"#), Generic, false),
    unreadable(400, r#"{"error":{"message":"The encrypted content could not be verified","code":"invalid_encrypted_content"}}"#),
    unreadable(400, r#"{"error":{"message":"The encrypted content gAAA could not be verified. Reason: Encrypted content could not be decrypted or parsed.","type":"invalid_request_error"}}"#),
    unreadable(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#),
    unreadable(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.3.content.0: Invalid `data` in `redacted_thinking` block"}}"#),
    row(Status(400, r#"{"error":{"message":"No tool output found for function call call_X.","type":"invalid_request_error"}}"#), Generic, false),
    row(Status(429, r#"{"message":"Too many requests","__type":"ThrottlingException"}"#), RateLimit, true),
    row(Status(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#), RateLimit, true),
    row(Status(429, r#"{"__type":"ModelNotReadyException","message":"x"}"#), RateLimit, true),
    row(InStream("Rate limit reached for requests"), RateLimit, true),
    row(Status(400, r#"{"error":{"code":"content_filter","message":"The response was filtered","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#), ContentFilter, false),
    // What the provider says about trying again overrides most of it.
    row(Header(503, STOP, ""), Timeout, false),
    row(Header(529, STOP, r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#), Overloaded, false),
    row(Header(429, STOP, ""), RateLimit, false),
    row(Header(500, STOP, ""), Generic, false),
    row(Header(400, RETRY, ""), Config, true),
    row(Header(404, RETRY, ""), Config, true),
    row(Header(403, RETRY, ""), Auth, true),
    row(Header(418, RETRY, ""), Generic, true),
    row(Header(401, RETRY, ""), Auth, false),
    row(Header(402, RETRY, ""), UsageLimit, false),
    row(Header(429, RETRY, r#"{"error":{"message":"x","code":"insufficient_quota"}}"#), UsageLimit, false),
    row(Header(409, ("x-should-retry", "maybe"), ""), Generic, true),
    row(Header(429, ("retry-after", "30"), ""), RateLimit, true),

    // What names the model or its configuration beats capacity.
    row(Status(429, r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#), Config, false),
    row(Status(503, r#"{"error":{"message":"No route","code":"model_not_found"}}"#), Config, false),
    row(Status(502, "unknown model acme/x"), Config, false),
    row(Status(403, r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","type":"request_forbidden"}}"#), Config, false),
    row(Status(400, r#"{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"User location is not supported for the API use."}}"#), Config, false),
    row(Status(403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Model access is denied."}}"#), Config, false),
    // Money beats everything but what names itself overloaded, and credentials beat the model.
    row(Status(503, r#"{"error":{"message":"x","code":"insufficient_quota"}}"#), UsageLimit, false),
    row(Status(500, r#"{"error":{"message":"x","code":"organization_usage_limit_exceeded"}}"#), UsageLimit, false),
    row(Status(403, r#"{"error":{"message":"x","code":"organization_spend_limit_exceeded"}}"#), UsageLimit, false),
    row(Status(429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"linked_organization_spend_limit_reached"}}}"#), UsageLimit, false),
    row(Status(429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"contract_spend_limit_reached"}}}"#), UsageLimit, false),
    row(Status(429, "Insufficient credits, check your billing"), RateLimit, true),
    row(Status(429, r#"{"error":{"message":"The engine is overloaded","type":"engine_overloaded_error"}}"#), Overloaded, true),
    row(Status(401, "model not found"), Auth, false),
    row(Status(401, "You exceeded your current quota"), UsageLimit, false),
    // A status beats the words of a broken connection, and an internal error stays one.
    row(Status(400, "upstream: connection reset by peer"), Config, false),
    row(Status(401, "connection refused"), Auth, false),
    row(Status(500, "unexpected EOF"), Generic, true),
    row(Status(500, "request canceled by client: context canceled"), Generic, true),
    row(Status(500, "context deadline exceeded"), Generic, true),
    row(Status(504, r#"{"error":{"code":504,"status":"DEADLINE_EXCEEDED","message":"Deadline exceeded"}}"#), Timeout, true),
    row(InStream(r#"{"error":{"status":"DEADLINE_EXCEEDED","message":"Deadline exceeded"}}"#), Timeout, true),
    row(Status(500, "rate limit service is down"), Generic, true),
    row(Status(400, "use at most 429 stop words"), Config, false),
    // Numbers that are no status.
    row(InStream("request 401 of 500 was dropped"), Generic, false),
    row(InStream("retry in 429 ms on 10.0.4.29:5020"), Generic, false),
    row(InStream("stream_429 has 529 frames"), Generic, false),
    row(InStream("trace 4030000000000503 ended"), Generic, false),
    row(InStream("error code: 1015"), Generic, false),
    row(InStream(r#"{"error":{"message":"x","code":"429"}}"#), RateLimit, true),
    row(InStream(r#"{"error":{"message":"x","code":"5000"}}"#), Generic, false),
    row(InStream(r#"{"error":{"message":"x","code":-429}}"#), Generic, false),
    row(InStream(r#"{"error":{"message":"x","code":429.5}}"#), Generic, false),
    row(InStream("upstream said http 401"), Auth, false),
    row(InStream("failed with status 429, retry later"), RateLimit, true),

    // More of what each provider says.
    row(Status(503, r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded. Please try again later."}}"#), Overloaded, true),
    row(Status(503, r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"The service is currently unavailable."}}"#), Timeout, true),
    row(Status(500, r#"{"error":{"code":500,"status":"INTERNAL","message":"An internal error has occurred."}}"#), Generic, true),
    row(Status(429, r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Resource has been exhausted."}}]"#), RateLimit, true),
    unreadable(400, r#"[{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"Thought signature is not valid"}}]"#),
    row(Status(400, r#"{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"User location is not supported for the API use."}}"#), Config, false),
    row(Status(401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED","message":"Request had invalid authentication credentials.","details":[{"reason":"ACCESS_TOKEN_EXPIRED"}]}}"#), Auth, false),
    row(Status(504, r#"{"error":{"code":504,"status":"DEADLINE_EXCEEDED","message":"Deadline expired before operation could complete."}}"#), Timeout, true),
    row(Status(404, r#"{"error":{"code":404,"status":"NOT_FOUND","message":"models/x is not found for API version v1beta"}}"#), Config, false),
    row(Status(403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"The caller does not have permission"}}"#), Auth, false),
    row(Status(499, r#"{"error":{"code":499,"status":"CANCELLED","message":"The operation was cancelled."}}"#), Generic, false),
    row(Status(401, r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#), Auth, false),
    row(Status(429, r#"{"error":{"code":"429","message":"Requests have exceeded the call rate limit of your current pricing tier."}}"#), RateLimit, true),
    row(Status(503, r#"{"error":{"message":"x","code":"slow_down"}}"#), RateLimit, true),
    row(InStream(r#"{"error":{"message":"x","type":"service_unavailable_error"}}"#), Timeout, true),
    row(Status(403, r#"{"__type":"AccessDeniedException","message":"User is not authorized to perform: bedrock:InvokeModel"}"#), Auth, false),
    row(Status(403, r#"{"__type":"AccessDeniedException","message":"You don't have access to the model with the specified model ID."}"#), Config, false),
    row(Status(400, r#"{"__type":"ValidationException","message":"Malformed input request"}"#), Config, false),
    row(Status(404, r#"{"__type":"ResourceNotFoundException","message":"x"}"#), Config, false),
    row(InStream(r#"{"__type":"ThrottlingException","message":"Too many tokens, please wait before trying again."}"#), RateLimit, true),
    row(InStream(r#"{"__type":"ServiceUnavailableException","message":"x"}"#), Timeout, true),
    row(InStream(r#"{"__type":"ModelTimeoutException","message":"x"}"#), Timeout, true),
    row(InStream(r#"{"__type":"InternalServerException","message":"x"}"#), Generic, true),
    row(Status(408, r#"{"error":{"message":"Request timeout"}}"#), Timeout, true),
    row(Status(413, r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#), Config, false),
    row(Status(400, r#"{"error":{"message":"Unsupported parameter: 'max_tokens'","code":"unsupported_parameter"}}"#), Config, false),
    row(Status(501, ""), Generic, true),
    row(Status(522, "<html><title>acme | 522: Connection timed out</title></html>"), Generic, true),
    row(Status(404, "<html><title>404 Not Found</title></html>"), Config, false),
    row(InStream("http2: server sent GOAWAY and closed the connection"), Timeout, true),
    row(InStream("502 Bad Gateway"), Timeout, true),
    row(Status(400, r#"{"error":{"message":"No tool call found for function call output with call_id call_X.","type":"invalid_request_error"}}"#), Generic, false),
    row(InStream(""), Generic, false),
    row(InStream("{}"), Generic, false),
    // AWS Bedrock; what names an error there is a header, see its codec.
    row(Status(400, r#"{"message":"The provided model identifier is invalid."}"#), Config, false),
    row(Status(400, r#"{"message":"Invocation of model ID anthropic.claude-sonnet-4 with on-demand throughput isn\u2019t supported. Retry your request with the ID or ARN of an inference profile that contains this model."}"#), Config, false),
    row(Status(400, r#"{"message":"Malformed input request: #: extraneous key [foo] is not permitted, please reformat your input and try again."}"#), Config, false),
    row(Status(400, r#"{"__type":"ValidationException","message":"The toolConfig field must be defined when using toolUse and toolResult content blocks."}"#), Config, false),
    row(Status(400, r#"{"message":"Your request couldn't be completed. You have exceeded the service quota for this account."}"#), UsageLimit, false),
    row(Status(403, r#"{"message":"User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:us-east-1::foundation-model/x"}"#), Auth, false),
    row(Status(403, r#"{"message":"The request signature we calculated does not match the signature you provided."}"#), Auth, false),
    row(Status(403, r#"{"message":"The security token included in the request is expired"}"#), Auth, false),
    row(Status(403, r#"{"Message":"Authentication failed: Please make sure your API Key is valid."}"#), Auth, false),
    row(Status(403, r#"{"message":"Access to the model is denied: model access is not enabled for this account."}"#), Config, false),
    row(Status(404, r#"{"message":"Could not resolve the foundation model from the provided model identifier."}"#), Config, false),
    row(Status(404, r#"{"message":"This model version has reached the end of its life."}"#), Config, false),
    row(Status(408, r#"{"message":"Model has timed out in processing the request. Try your request again."}"#), Timeout, true),
    row(Status(424, r#"{"message":"The model returned an error.","originalStatusCode":500}"#), Timeout, true),
    row(Status(429, r#"{"message":"Too many tokens, please wait before trying again."}"#), RateLimit, true),
    row(Status(429, r#"{"message":"Model is not ready for inference. Try again later."}"#), RateLimit, true),
    row(Status(500, r#"{"message":"The system encountered an unexpected error during processing."}"#), Generic, true),
    row(Status(503, r#"{"message":"Bedrock is unable to process your request."}"#), Timeout, true),
    row(InStream(r#"{"__type":"modelStreamErrorException","message":"x"}"#), Timeout, true),
    row(InStream(r#"{"__type":"throttlingException","message":"x"}"#), RateLimit, true),
    row(InStream(r#"{"__type":"validationException","message":"x"}"#), Config, false),
    // Azure OpenAI.
    row(Status(400, r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#), ContentFilter, false),
    row(InStream(r#"{"error":{"message":"x","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#), ContentFilter, false),
    row(Status(401, r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription."}}"#), Auth, false),
    row(Status(401, r#"{"error":{"code":"PermissionDenied","message":"Principal does not have access to API/Operation."}}"#), Auth, false),
    row(Status(404, r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}"#), Config, false),
    row(Status(404, r#"{"error":{"code":"404","message":"Resource not found"}}"#), Config, false),
    row(Status(400, r#"{"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model, gpt-x."}}"#), Config, false),
    row(Status(400, r#"{"error":{"code":"BadRequest","message":"API version not supported"}}"#), Config, false),
    row(Status(429, r#"{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 6 seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."}}"#), RateLimit, true),
    row(Status(429, r#"{"error":{"code":"NoCapacity","message":"The system is currently experiencing high demand and cannot process your request."}}"#), RateLimit, true),
    row(Status(503, r#"{"error":{"code":"InternalServerError","message":"Backend returned unexpected response."}}"#), Timeout, true),
];

#[test]
fn every_row_means_what_it_says() {
    assert!(ROWS.len() >= 120, "{}", ROWS.len());
    println!("{} rows", ROWS.len());
    for row in ROWS {
        let failure = row.failure();
        let error = classify(&failure);
        assert_eq!(Classifier::new("Acme").refuses_reasoning(&failure), row.flag == "reasoning", "{failure:?}");
        assert_eq!((error.kind(), error.retryable), (row.kind, row.retryable), "{failure:?}");
        assert_eq!(error.context_overflow, row.flag == "overflow", "{failure:?}");
        assert_eq!(error.chain_broken, row.flag == "chain", "{failure:?}");
        assert!(!error.detail.contains("call_X"), "{failure:?}");
    }
}
