-- The workspace that was made for a chat: one at a time. Who makes another one names the one that it takes the place of.
CREATE TABLE chat_workspaces (
    owner_id UUID NOT NULL,
    chat_id UUID NOT NULL,
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_id, chat_id)
);
