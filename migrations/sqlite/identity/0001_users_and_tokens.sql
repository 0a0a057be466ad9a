CREATE TABLE users (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
    request_id BLOB UNIQUE,
    created_at TEXT NOT NULL
) STRICT;

-- Only a digest of a token's secret is kept: the secret cannot be read back.
CREATE TABLE tokens (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    expires_at TEXT
) STRICT;
CREATE INDEX tokens_by_user ON tokens (user_id, id);

-- The keys that assertions are signed with; the newest signs, all verify.
CREATE TABLE signing_keys (
    id BLOB PRIMARY KEY,
    pkcs8 BLOB NOT NULL,
    public_key BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
