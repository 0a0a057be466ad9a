CREATE TABLE templates (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    -- The kind of provisioner that carries builds out.
    provisioner TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE workspaces (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL,
    name TEXT NOT NULL,
    template_id UUID NOT NULL REFERENCES templates (id),
    deleted BOOLEAN NOT NULL,
    request_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
-- The name of a deleted workspace is free again.
CREATE UNIQUE INDEX workspaces_by_name ON workspaces (owner_id, name) WHERE NOT deleted;
CREATE UNIQUE INDEX workspaces_by_request ON workspaces (owner_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX workspaces_by_owner ON workspaces (owner_id, id) WHERE NOT deleted;

CREATE TABLE builds (
    id UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    -- 1, 2, 3, ... within the workspace.
    build_number BIGINT NOT NULL CHECK (build_number > 0),
    transition TEXT NOT NULL CHECK (transition IN ('start', 'stop', 'delete')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed')),
    error TEXT,
    provisioner TEXT NOT NULL,
    request_id UUID,
    -- The lease: who carries the build out, or did. It is lost only when another takes it.
    leased_by TEXT,
    lease_expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    UNIQUE (workspace_id, build_number),
    CHECK ((status = 'pending') = (leased_by IS NULL)),
    CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed')) = (completed_at IS NOT NULL))
);
CREATE UNIQUE INDEX builds_active ON builds (workspace_id) WHERE status IN ('pending', 'running');
CREATE UNIQUE INDEX builds_by_request ON builds (workspace_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX builds_to_lease ON builds (created_at, id) WHERE status IN ('pending', 'running');

-- The agent of a build that starts a workspace; made when the build is leased.
-- Only a digest of its token is kept: the token goes to the provisioner and nowhere else.
CREATE TABLE agents (
    id UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    build_id UUID NOT NULL UNIQUE REFERENCES builds (id) ON DELETE CASCADE,
    token_digest BYTEA NOT NULL UNIQUE,
    -- The session that reported last; reports of older ones are ignored.
    epoch BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    first_connected_at TIMESTAMPTZ,
    last_connected_at TIMESTAMPTZ,
    disconnected_at TIMESTAMPTZ
);
