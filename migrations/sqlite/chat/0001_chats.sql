CREATE TABLE chats (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'interrupting', 'requires_action', 'error')),
    archived INTEGER NOT NULL,
    model TEXT NOT NULL,
    workspace_id BLOB,
    system_prompt TEXT NOT NULL,
    labels TEXT NOT NULL,
    parent_chat_id BLOB,
    root_chat_id BLOB,
    -- The lease: who runs the chat. Whether the lease is alive stands in chat_heartbeats.
    worker_id BLOB,
    runner_id BLOB,
    last_error BLOB,
    retry_state BLOB,
    snapshot_version INTEGER NOT NULL,
    history_version INTEGER NOT NULL,
    queue_version INTEGER NOT NULL,
    retry_state_version INTEGER NOT NULL,
    generation_attempt INTEGER NOT NULL,
    -- The highest numbers given out under the row lock.
    last_message_id INTEGER NOT NULL,
    last_queued_id INTEGER NOT NULL,
    queued_count INTEGER NOT NULL,
    requires_action_deadline_at TEXT,
    compaction_requested_at TEXT,
    -- The trace of the request that made the chat runnable, so that the worker joins it.
    traceparent TEXT,
    request_id BLOB,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CHECK ((status = 'error') = (last_error IS NOT NULL)),
    CHECK (status <> 'waiting' OR queued_count = 0)
) STRICT;
CREATE UNIQUE INDEX chats_by_request ON chats (owner_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX chats_by_owner ON chats (owner_id, updated_at DESC, id DESC);
CREATE INDEX chats_runnable ON chats (updated_at, id) WHERE status IN ('running', 'interrupting') AND NOT archived;

CREATE TABLE chat_messages (
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    visibility TEXT NOT NULL CHECK (visibility IN ('user', 'model', 'both')),
    content_version INTEGER NOT NULL,
    content BLOB NOT NULL,
    compressed INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_by BLOB,
    model TEXT,
    -- NULL is "the provider did not say", which is not 0.
    input_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    total_tokens INTEGER,
    context_limit INTEGER,
    finish_reason INTEGER,
    runtime_ms INTEGER,
    provider_response_id TEXT,
    request_id BLOB,
    created_at TEXT NOT NULL,
    PRIMARY KEY (chat_id, id)
) STRICT;
CREATE UNIQUE INDEX chat_messages_by_request ON chat_messages (chat_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX chat_messages_by_revision ON chat_messages (chat_id, revision);

CREATE TABLE chat_queued_messages (
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    content BLOB NOT NULL,
    model TEXT NOT NULL,
    created_by BLOB NOT NULL,
    request_id BLOB,
    created_at TEXT NOT NULL,
    PRIMARY KEY (chat_id, id)
) STRICT;

-- The answer of a model whose tools are being run. It becomes a message together with their
-- results; a worker that takes the chat over runs what is missing instead of asking the model again.
CREATE TABLE chat_steps (
    chat_id BLOB PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    history_version INTEGER NOT NULL,
    answer BLOB NOT NULL
) STRICT;

-- Losing this table in a crash is safe: no heartbeat means that nobody runs the chat.
CREATE TABLE chat_heartbeats (
    chat_id BLOB NOT NULL,
    runner_id BLOB NOT NULL,
    worker_id BLOB NOT NULL,
    heartbeat_at TEXT NOT NULL,
    PRIMARY KEY (chat_id, runner_id)
) STRICT;
CREATE INDEX chat_heartbeats_by_worker ON chat_heartbeats (worker_id);
