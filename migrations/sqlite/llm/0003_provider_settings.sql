-- What a provider's type needs to know beside its address, as the protobuf message.
ALTER TABLE providers ADD COLUMN settings BLOB NOT NULL DEFAULT x'';
