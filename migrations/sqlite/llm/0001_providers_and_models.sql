CREATE TABLE providers (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    base_url TEXT NOT NULL,
    -- Sealed with the key of the deployment; see the module `sealed`.
    sealed_api_key BLOB,
    enabled INTEGER NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('database', 'environment')),
    request_id BLOB UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE models (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    provider_id BLOB NOT NULL REFERENCES providers (id),
    model TEXT NOT NULL,
    context_limit INTEGER NOT NULL,
    is_default INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    options BLOB NOT NULL,
    request_id BLOB UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX models_one_default ON models (is_default) WHERE is_default;
CREATE INDEX models_by_provider ON models (provider_id);
