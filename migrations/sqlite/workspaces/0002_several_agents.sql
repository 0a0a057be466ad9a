-- A build may have several agents. SQLite takes a UNIQUE away only with the table.
CREATE TABLE agents_by_build (
    id BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    build_id BLOB NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    token_digest BLOB NOT NULL UNIQUE,
    -- The session that reported last; reports of older ones are ignored.
    epoch INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    first_connected_at TEXT,
    last_connected_at TEXT,
    disconnected_at TEXT,
    -- Unique within the build; the only agent of a build is `main`.
    name TEXT NOT NULL DEFAULT 'main' CHECK (name <> '' AND name = lower(name)),
    -- Lower ones come first.
    display_order INTEGER NOT NULL DEFAULT 0,
    -- The agent that this one belongs to, like that of a container inside of the workspace.
    parent_id BLOB REFERENCES agents_by_build (id) ON DELETE CASCADE
) STRICT;
INSERT INTO agents_by_build (id, workspace_id, build_id, token_digest, epoch, created_at, first_connected_at,
    last_connected_at, disconnected_at)
SELECT id, workspace_id, build_id, token_digest, epoch, created_at, first_connected_at, last_connected_at,
    disconnected_at
FROM agents;
DROP TABLE agents;
ALTER TABLE agents_by_build RENAME TO agents;
CREATE UNIQUE INDEX agents_by_name ON agents (build_id, name);
