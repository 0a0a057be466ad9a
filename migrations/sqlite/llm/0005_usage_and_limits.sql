-- The ledger: one row per call of a model, written once.
CREATE TABLE usage_events (
    id BLOB PRIMARY KEY,
    created_at TEXT NOT NULL,
    user_id BLOB,
    chat_id BLOB,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    key_id BLOB,
    input_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    usage_estimated INTEGER NOT NULL,
    -- Null where something that was used has no price.
    cost_micros INTEGER,
    first_part_ms INTEGER,
    duration_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('finished', 'failed', 'canceled')),
    error_kind INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT;
CREATE INDEX usage_events_by_user ON usage_events (user_id, created_at);
CREATE INDEX usage_events_by_time ON usage_events (created_at);
CREATE INDEX usage_events_by_chat ON usage_events (chat_id);

-- What was sent and what came back, for a while.
CREATE TABLE debug_records (
    usage_id BLOB PRIMARY KEY,
    created_at TEXT NOT NULL,
    request BLOB NOT NULL,
    response BLOB NOT NULL,
    truncated INTEGER NOT NULL
) STRICT;
CREATE INDEX debug_records_by_time ON debug_records (created_at);

CREATE TABLE limits (
    id BLOB PRIMARY KEY,
    scope TEXT NOT NULL CHECK (scope IN ('default', 'group', 'user')),
    -- Empty for the default.
    subject_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
    max_cost_micros INTEGER,
    max_tokens INTEGER,
    max_requests INTEGER,
    request_id BLOB UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (scope, subject_id, period)
) STRICT;

-- What a user used in a period and what calls that run may use, for users with limits only.
CREATE TABLE spend_counters (
    user_id BLOB NOT NULL,
    period TEXT NOT NULL,
    period_start TEXT NOT NULL,
    cost_micros INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    reserved_cost_micros INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    reserved_requests INTEGER NOT NULL,
    PRIMARY KEY (user_id, period, period_start)
) STRICT, WITHOUT ROWID;
CREATE INDEX spend_counters_by_start ON spend_counters (period_start);

-- What a call that runs may use. Those of processes that died expire.
CREATE TABLE reservations (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    cost_micros INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    -- The counters that it holds something of: 1 for the day, 2 for the week, 4 for the month.
    periods INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'expired', 'settled'))
) STRICT;
CREATE INDEX reservations_by_expiry ON reservations (state, expires_at);
