-- How far the workspace has come, as the agent's latest process says.
ALTER TABLE agents ADD COLUMN lifecycle_state TEXT NOT NULL DEFAULT 'created';
ALTER TABLE agents ADD COLUMN lifecycle_changed_at TEXT;
ALTER TABLE agents ADD COLUMN lifecycle_message TEXT NOT NULL DEFAULT '';
-- How many lines its scripts printed, what those that were recorded take, and how often a script ran. They only grow.
ALTER TABLE agents ADD COLUMN log_lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN script_runs INTEGER NOT NULL DEFAULT 0;

-- The processes of an agent that were heard of.
CREATE TABLE agent_instances (
    agent_id BLOB NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    instance_id BLOB NOT NULL,
    -- 1, 2, 3, ... in the order in which they were first heard of.
    instance_number INTEGER NOT NULL,
    -- The highest of its sessions, 0 where it is not known.
    epoch INTEGER NOT NULL,
    -- Its reports up to this one are recorded.
    last_sequence INTEGER NOT NULL,
    lifecycle_state TEXT NOT NULL,
    lifecycle_changed_at TEXT,
    lifecycle_message TEXT NOT NULL,
    PRIMARY KEY (agent_id, instance_id)
) STRICT;

-- What scripts printed. The numbers of lines that were lost, or are kept no more, are left out.
CREATE TABLE agent_log_lines (
    agent_id BLOB NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    line_number INTEGER NOT NULL,
    -- What all lines that were recorded before it took.
    log_offset INTEGER NOT NULL,
    printed_at TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('info', 'error')),
    script_id TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (agent_id, line_number)
) STRICT;

-- Scripts that ran.
CREATE TABLE agent_script_runs (
    agent_id BLOB NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    run_number INTEGER NOT NULL,
    script_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    stage TEXT NOT NULL,
    result TEXT NOT NULL,
    exit_code INTEGER,
    started_at TEXT,
    ended_at TEXT,
    message TEXT NOT NULL,
    PRIMARY KEY (agent_id, run_number)
) STRICT;
