-- A build may have several agents.
ALTER TABLE agents DROP CONSTRAINT agents_build_id_key;
ALTER TABLE agents
    -- Unique within the build; the only agent of a build is `main`.
    ADD COLUMN name TEXT NOT NULL DEFAULT 'main' CHECK (name <> '' AND name = lower(name)),
    -- Lower ones come first.
    ADD COLUMN display_order BIGINT NOT NULL DEFAULT 0,
    -- The agent that this one belongs to, like that of a container inside of the workspace.
    ADD COLUMN parent_id UUID REFERENCES agents (id) ON DELETE CASCADE;
CREATE UNIQUE INDEX agents_by_name ON agents (build_id, name);
