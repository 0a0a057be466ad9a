ALTER TABLE builds
    -- Somebody asked for the build to be given up. One that runs is being given up; one that failed was, where its code
    -- says so. The words of `status` stay those that an older release knows, which may run beside this one.
    ADD COLUMN canceled BOOLEAN NOT NULL DEFAULT FALSE,
    -- What kind of failure it ended with; NULL for any other.
    ADD COLUMN error_code TEXT,
    ADD COLUMN reason TEXT,
    -- The user who asked for it; NULL where the mesh did.
    ADD COLUMN initiator_id UUID,
    -- What the version of the template says of waiting, of cost, and of stopping what is not used: a JSON object.
    ADD COLUMN terms TEXT NOT NULL DEFAULT '{}',
    -- What the workspace takes of its owner's credits from this build on.
    ADD COLUMN daily_cost BIGINT NOT NULL DEFAULT 0,
    -- When the workspace is stopped unless it is used until then. Only the latest build has one.
    ADD COLUMN deadline TIMESTAMPTZ,
    -- How many lines its log had, and what those that were recorded take; they only grow. And how many of them the
    -- provisioner said that has it now.
    ADD COLUMN log_lines BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN log_bytes BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN lease_log_lines BIGINT NOT NULL DEFAULT 0;
CREATE INDEX builds_by_deadline ON builds (deadline) WHERE deadline IS NOT NULL;

-- What provisioners say of builds. The numbers of lines that were lost, or are kept no more, are left out.
CREATE TABLE build_log_lines (
    build_id UUID NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    line_number BIGINT NOT NULL,
    -- What all lines that were recorded before it took.
    log_offset BIGINT NOT NULL,
    printed_at TIMESTAMPTZ NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('info', 'error')),
    stage TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (build_id, line_number)
);

ALTER TABLE workspaces
    -- How long the workspace runs without being used, 0 for ever; NULL where its template says.
    ADD COLUMN ttl_seconds BIGINT,
    ADD COLUMN last_used_at TIMESTAMPTZ;
CREATE INDEX workspaces_by_template ON workspaces (template_id, owner_id);

-- A row for each user whose credits were taken: while one build takes some, no other of the same owner does.
CREATE TABLE quota_owners (
    owner_id UUID PRIMARY KEY,
    committed_at TIMESTAMPTZ NOT NULL
);

ALTER TABLE templates
    -- It is not listed, and no workspaces are made from it.
    ADD COLUMN archived BOOLEAN NOT NULL DEFAULT FALSE,
    -- It is only there for what deleted workspaces say of it. Its name is its identifier.
    ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE;
