//! One row per answer or accident, and what it means.

use ErrorKind::{
    Auth, Config, ContentFilter, Generic, MissingKey, Overloaded, ProviderDisabled, RateLimit, StreamSilenceTimeout,
    Timeout, UsageLimit,
};
use chatmesh_proto::common::v1::ErrorKind;

use super::{answered, classify};
use crate::classify::{Cause, Failure, Transport, parse_body};

pub(super) enum From {
    Status(u16, &'static str),
    /// An error in a stream that began with a success.
    InStream(&'static str),
    Ours(Cause),
}
use From::{InStream, Ours, Status};

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
            InStream(body) => parse_body(body.as_bytes()),
            Ours(cause) => Failure::of(cause, ""),
        }
    }
}

const fn row(from: From, kind: ErrorKind, retryable: bool) -> Row {
    Row { from, kind, retryable, flag: "" }
}

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
    row(Status(400, r#"{"error":{"message":"The encrypted content could not be verified","code":"invalid_encrypted_content"}}"#), Config, false),
    row(Status(400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#), Config, false),
    row(Status(400, r#"{"error":{"message":"No tool output found for function call call_X.","type":"invalid_request_error"}}"#), Generic, false),
    row(Status(429, r#"{"message":"Too many requests","__type":"ThrottlingException"}"#), RateLimit, true),
    row(Status(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#), RateLimit, true),
    row(Status(429, r#"{"__type":"ModelNotReadyException","message":"x"}"#), RateLimit, true),
    row(InStream("Rate limit reached for requests"), RateLimit, true),
    row(Status(400, r#"{"error":{"code":"content_filter","message":"The response was filtered","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#), ContentFilter, false),
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
    assert!(ROWS.len() >= 60);
    for row in ROWS {
        let failure = row.failure();
        let error = classify(&failure);
        assert_eq!((error.kind(), error.retryable), (row.kind, row.retryable), "{failure:?}");
        assert_eq!(error.context_overflow, row.flag == "overflow", "{failure:?}");
        assert_eq!(error.chain_broken, row.flag == "chain", "{failure:?}");
        assert!(!error.detail.contains("call_X"), "{failure:?}");
    }
}
