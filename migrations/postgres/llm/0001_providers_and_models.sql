CREATE TABLE providers (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    base_url TEXT NOT NULL,
    -- Sealed with the key of the deployment; see the module `sealed`.
    sealed_api_key BYTEA,
    enabled BOOLEAN NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('database', 'environment')),
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE models (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    provider_id UUID NOT NULL REFERENCES providers (id),
    model TEXT NOT NULL,
    context_limit BIGINT NOT NULL,
    is_default BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    options BYTEA NOT NULL,
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX models_one_default ON models (is_default) WHERE is_default;
CREATE INDEX models_by_provider ON models (provider_id);
