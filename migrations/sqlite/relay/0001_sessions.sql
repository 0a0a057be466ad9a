-- Which replica holds which agent. The epoch grows with every session of an agent, for ever:
-- it fences what an older session still reports.
CREATE TABLE relay_sessions (
    agent_id BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    session_id BLOB NOT NULL,
    replica_id BLOB NOT NULL,
    connected_at TEXT NOT NULL
) STRICT;
