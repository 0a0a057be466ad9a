-- The skills of users: Markdown behind a frontmatter, from which the name and the description are taken.
CREATE TABLE user_skills (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    content TEXT NOT NULL,
    request_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (user_id, name),
    UNIQUE (user_id, request_id)
);

-- What users want of all of their chats. Whoever changes what belongs to a user as a whole locks the row.
CREATE TABLE user_settings (
    user_id UUID PRIMARY KEY,
    custom_prompt TEXT NOT NULL,
    -- Null where the row is there to be locked only.
    updated_at TIMESTAMPTZ
);

-- What the deployment told every chat that was created at that time. Chats from before have no row: they are told the
-- built-in words.
CREATE TABLE chat_deployment_prompts (
    chat_id UUID PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL
);

-- The skills that a workspace had when it last answered: names with descriptions, as JSON. The list that is shown is
-- made of them and of the owner's for every turn, so it is not kept any more.
ALTER TABLE chat_workspace_contexts DROP COLUMN skill_index;
ALTER TABLE chat_workspace_contexts ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
