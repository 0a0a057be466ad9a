-- The processes that hold sessions, and where the others reach them. One that has not been seen
-- for a while has ended without a word, and its sessions with it.
CREATE TABLE relay_replicas (
    replica_id BLOB PRIMARY KEY,
    -- Empty where no other process can reach it.
    address TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;

-- Set where the session ended in order; its row stays for the epoch.
ALTER TABLE relay_sessions ADD COLUMN ended_at TEXT;
CREATE INDEX relay_sessions_by_replica ON relay_sessions (replica_id) WHERE ended_at IS NULL;
