CREATE TABLE chats (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'interrupting', 'requires_action', 'error')),
    archived BOOLEAN NOT NULL,
    model TEXT NOT NULL,
    workspace_id UUID,
    system_prompt TEXT NOT NULL,
    labels TEXT NOT NULL,
    parent_chat_id UUID,
    root_chat_id UUID,
    -- The lease: who runs the chat. Whether the lease is alive stands in chat_heartbeats.
    worker_id UUID,
    runner_id UUID,
    last_error BYTEA,
    retry_state BYTEA,
    snapshot_version BIGINT NOT NULL,
    history_version BIGINT NOT NULL,
    queue_version BIGINT NOT NULL,
    retry_state_version BIGINT NOT NULL,
    generation_attempt BIGINT NOT NULL,
    -- The highest numbers given out under the row lock.
    last_message_id BIGINT NOT NULL,
    last_queued_id BIGINT NOT NULL,
    queued_count BIGINT NOT NULL,
    requires_action_deadline_at TIMESTAMPTZ,
    compaction_requested_at TIMESTAMPTZ,
    -- The trace of the request that made the chat runnable, so that the worker joins it.
    traceparent TEXT,
    request_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CHECK ((status = 'error') = (last_error IS NOT NULL)),
    CHECK (status <> 'waiting' OR queued_count = 0)
);
CREATE UNIQUE INDEX chats_by_request ON chats (owner_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX chats_by_owner ON chats (owner_id, updated_at DESC, id DESC);
CREATE INDEX chats_runnable ON chats (updated_at, id) WHERE status IN ('running', 'interrupting') AND NOT archived;

CREATE TABLE chat_messages (
    chat_id UUID NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    visibility TEXT NOT NULL CHECK (visibility IN ('user', 'model', 'both')),
    content_version BIGINT NOT NULL,
    content BYTEA NOT NULL,
    compressed BOOLEAN NOT NULL,
    deleted BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    created_by UUID,
    model TEXT,
    -- NULL is "the provider did not say", which is not 0.
    input_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    total_tokens BIGINT,
    context_limit BIGINT,
    finish_reason BIGINT,
    runtime_ms BIGINT,
    provider_response_id TEXT,
    request_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, id)
);
CREATE UNIQUE INDEX chat_messages_by_request ON chat_messages (chat_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX chat_messages_by_revision ON chat_messages (chat_id, revision);

CREATE TABLE chat_queued_messages (
    chat_id UUID NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    content BYTEA NOT NULL,
    model TEXT NOT NULL,
    created_by UUID NOT NULL,
    request_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, id)
);

-- The answer of a model whose tools are being run. It becomes a message together with their
-- results; a worker that takes the chat over runs what is missing instead of asking the model again.
CREATE TABLE chat_steps (
    chat_id UUID PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    history_version BIGINT NOT NULL,
    answer BYTEA NOT NULL
);

-- Losing this table in a crash is safe: no heartbeat means that nobody runs the chat.
CREATE UNLOGGED TABLE chat_heartbeats (
    chat_id UUID NOT NULL,
    runner_id UUID NOT NULL,
    worker_id UUID NOT NULL,
    heartbeat_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, runner_id)
);
CREATE INDEX chat_heartbeats_by_worker ON chat_heartbeats (worker_id);
