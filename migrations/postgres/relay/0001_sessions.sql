-- Which replica holds which agent. The epoch grows with every session of an agent, for ever:
-- it fences what an older session still reports.
CREATE TABLE relay_sessions (
    agent_id UUID PRIMARY KEY,
    epoch BIGINT NOT NULL,
    session_id UUID NOT NULL,
    replica_id UUID NOT NULL,
    connected_at TIMESTAMPTZ NOT NULL
);
