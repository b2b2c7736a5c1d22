-- From version 2 to 3: the content of messages can be erased, and kept encrypted.

ALTER TABLE messages ADD COLUMN encrypted_for TEXT;
ALTER TABLE messages ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
