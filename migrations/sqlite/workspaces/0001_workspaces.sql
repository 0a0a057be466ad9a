CREATE TABLE templates (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    -- The kind of provisioner that carries builds out.
    provisioner TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE workspaces (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL,
    name TEXT NOT NULL,
    template_id BLOB NOT NULL REFERENCES templates (id),
    deleted INTEGER NOT NULL,
    request_id BLOB,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
-- The name of a deleted workspace is free again.
CREATE UNIQUE INDEX workspaces_by_name ON workspaces (owner_id, name) WHERE NOT deleted;
CREATE UNIQUE INDEX workspaces_by_request ON workspaces (owner_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX workspaces_by_owner ON workspaces (owner_id, id) WHERE NOT deleted;

CREATE TABLE builds (
    id BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    -- 1, 2, 3, ... within the workspace.
    build_number INTEGER NOT NULL CHECK (build_number > 0),
    transition TEXT NOT NULL CHECK (transition IN ('start', 'stop', 'delete')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed')),
    error TEXT,
    provisioner TEXT NOT NULL,
    request_id BLOB,
    -- The lease: who carries the build out, or did. It is lost only when another takes it.
    leased_by TEXT,
    lease_expires_at TEXT,
    created_at TEXT NOT NULL,
    completed_at TEXT,
    UNIQUE (workspace_id, build_number),
    CHECK ((status = 'pending') = (leased_by IS NULL)),
    CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed')) = (completed_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX builds_active ON builds (workspace_id) WHERE status IN ('pending', 'running');
CREATE UNIQUE INDEX builds_by_request ON builds (workspace_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX builds_to_lease ON builds (created_at, id) WHERE status IN ('pending', 'running');

-- The agent of a build that starts a workspace; made when the build is leased.
-- Only a digest of its token is kept: the token goes to the provisioner and nowhere else.
CREATE TABLE agents (
    id BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    build_id BLOB NOT NULL UNIQUE REFERENCES builds (id) ON DELETE CASCADE,
    token_digest BLOB NOT NULL UNIQUE,
    -- The session that reported last; reports of older ones are ignored.
    epoch INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    first_connected_at TEXT,
    last_connected_at TEXT,
    disconnected_at TEXT
) STRICT;
