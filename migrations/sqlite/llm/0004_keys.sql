-- Whose keys a provider is called with.
ALTER TABLE providers ADD COLUMN central_api_key_enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE providers ADD COLUMN allow_user_api_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE providers ADD COLUMN allow_central_api_key_fallback INTEGER NOT NULL DEFAULT 0;

-- Models that are tried where this one cannot answer: names, as a JSON array.
ALTER TABLE models ADD COLUMN fallbacks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE models ADD COLUMN record_debug INTEGER NOT NULL DEFAULT 0;

CREATE TABLE keys (
    id BLOB PRIMARY KEY,
    provider_id BLOB NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    -- Null for the keys of the deployment.
    user_id BLOB,
    name TEXT NOT NULL,
    -- Sealed with the key of the deployment, bound to this row; see the module `sealed`.
    sealed_secret BLOB NOT NULL,
    hint TEXT NOT NULL,
    weight INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    request_id BLOB UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX keys_by_provider ON keys (provider_id, user_id);
CREATE INDEX keys_by_user ON keys (user_id);
