-- What a provider's type needs to know beside its address, as the protobuf message.
ALTER TABLE providers ADD COLUMN settings BYTEA NOT NULL DEFAULT '';
