CREATE TABLE users (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL
);

-- Only a digest of a token's secret is kept: the secret cannot be read back.
CREATE TABLE tokens (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ
);
CREATE INDEX tokens_by_user ON tokens (user_id, id);

-- The keys that assertions are signed with; the newest signs, all verify.
CREATE TABLE signing_keys (
    id UUID PRIMARY KEY,
    pkcs8 BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
