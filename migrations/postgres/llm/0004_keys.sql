-- Whose keys a provider is called with.
ALTER TABLE providers ADD COLUMN central_api_key_enabled BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE providers ADD COLUMN allow_user_api_key BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE providers ADD COLUMN allow_central_api_key_fallback BOOLEAN NOT NULL DEFAULT FALSE;

-- Models that are tried where this one cannot answer: names, as a JSON array.
ALTER TABLE models ADD COLUMN fallbacks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE models ADD COLUMN record_debug BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE keys (
    id UUID PRIMARY KEY,
    provider_id UUID NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    -- Null for the keys of the deployment.
    user_id UUID,
    name TEXT NOT NULL,
    -- Sealed with the key of the deployment, bound to this row; see the module `sealed`.
    sealed_secret BYTEA NOT NULL,
    hint TEXT NOT NULL,
    weight BIGINT NOT NULL,
    enabled BOOLEAN NOT NULL,
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX keys_by_provider ON keys (provider_id, user_id);
CREATE INDEX keys_by_user ON keys (user_id);
