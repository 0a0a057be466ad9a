-- The ledger: one row per call of a model, written once.
CREATE TABLE usage_events (
    id UUID PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL,
    user_id UUID,
    chat_id UUID,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    key_id UUID,
    input_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    usage_estimated BOOLEAN NOT NULL,
    -- Null where something that was used has no price.
    cost_micros BIGINT,
    first_part_ms BIGINT,
    duration_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('finished', 'failed', 'canceled')),
    error_kind BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    source TEXT NOT NULL
);
CREATE INDEX usage_events_by_user ON usage_events (user_id, created_at);
CREATE INDEX usage_events_by_time ON usage_events (created_at);
CREATE INDEX usage_events_by_chat ON usage_events (chat_id);

-- What was sent and what came back, for a while.
CREATE TABLE debug_records (
    usage_id UUID PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL,
    request BYTEA NOT NULL,
    response BYTEA NOT NULL,
    truncated BOOLEAN NOT NULL
);
CREATE INDEX debug_records_by_time ON debug_records (created_at);

CREATE TABLE limits (
    id UUID PRIMARY KEY,
    scope TEXT NOT NULL CHECK (scope IN ('default', 'group', 'user')),
    -- Empty for the default.
    subject_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
    max_cost_micros BIGINT,
    max_tokens BIGINT,
    max_requests BIGINT,
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (scope, subject_id, period)
);

-- What a user used in a period and what calls that run may use, for users with limits only.
CREATE TABLE spend_counters (
    user_id UUID NOT NULL,
    period TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    cost_micros BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    reserved_cost_micros BIGINT NOT NULL,
    reserved_tokens BIGINT NOT NULL,
    reserved_requests BIGINT NOT NULL,
    PRIMARY KEY (user_id, period, period_start)
);
CREATE INDEX spend_counters_by_start ON spend_counters (period_start);

-- What a call that runs may use. Those of processes that died expire.
CREATE TABLE reservations (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    cost_micros BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    -- The counters that it holds something of: 1 for the day, 2 for the week, 4 for the month.
    periods BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'expired', 'settled'))
);
CREATE INDEX reservations_by_expiry ON reservations (state, expires_at);
