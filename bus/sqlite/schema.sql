-- The file of the embedded bus.
--
-- `messages` is the log and the history. Everything else is about what still has to happen: a
-- delivery dies when it is settled, a peer and its consumers die with their process.
-- Instants are seconds since 1970, except `messages.time`, which is what the message says itself, and
-- `seen_at`, `due_at`, `lease_until` and `since`, which are by the machine's monotonic clock.

CREATE TABLE messages (
    position       INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT    NOT NULL,
    message_type   TEXT    NOT NULL,
    topic          TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    time           TEXT    NOT NULL,
    correlation_id TEXT,
    causation_id   TEXT,
    conversation   TEXT    NOT NULL,  -- the correlation id, or the key of the message that began it
    reply_to       TEXT,
    direct         INTEGER NOT NULL,
    recorded       INTEGER NOT NULL,  -- 0: transient, or a copy; gone once nobody needs it
    published_at   REAL    NOT NULL,
    body           BLOB    NOT NULL,
    encrypted_for  TEXT,              -- the conversation with whose key the body is encrypted
    erased         INTEGER NOT NULL DEFAULT 0  -- 1: the body is gone
) STRICT;
CREATE UNIQUE INDEX messages_by_id ON messages (id) WHERE recorded = 1 AND id <> '';
CREATE INDEX messages_by_conversation ON messages (conversation) WHERE recorded = 1;
CREATE INDEX messages_unrecorded ON messages (position) WHERE recorded = 0;

-- Processes that listen, by the doorbell that wakes them.
CREATE TABLE peers (
    id       INTEGER PRIMARY KEY,
    doorbell TEXT    NOT NULL,
    seen_at  REAL    NOT NULL
) STRICT;

-- A queue without a name is somebody's own copy; one with a peer is gone when that peer is.
CREATE TABLE queues (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    scope     TEXT    NOT NULL,
    name      TEXT,
    peer      INTEGER,
    unsettled INTEGER NOT NULL DEFAULT 0  -- its deliveries, counted by triggers
) STRICT;
CREATE UNIQUE INDEX queues_by_name ON queues (scope, name) WHERE name IS NOT NULL;

CREATE TABLE bindings (
    queue   INTEGER NOT NULL,
    pattern TEXT    NOT NULL,
    PRIMARY KEY (queue, pattern)
) STRICT, WITHOUT ROWID;

CREATE TABLE consumers (
    id    INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    peer  INTEGER NOT NULL
) STRICT;

-- Changes with queues, bindings, consumers and peers, so that routes can be cached.
CREATE TABLE routing (generation INTEGER NOT NULL) STRICT;
INSERT INTO routing VALUES (0);

-- `due_at` is NULL while a delivery waits to be taken. Otherwise it waits again from then on: its
-- delay is over, or, where it has an owner, its lease. `since` is when that began.
CREATE TABLE deliveries (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue        INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    copied       INTEGER NOT NULL,            -- 1: its message is unrecorded and ends with it
    headers      TEXT,
    attempt      INTEGER NOT NULL DEFAULT 1,
    redeliveries INTEGER NOT NULL DEFAULT 0,
    handouts     INTEGER NOT NULL DEFAULT 0,  -- fences settlements of earlier hand-outs
    owner        INTEGER,
    due_at       REAL,
    since        REAL
) STRICT;
CREATE INDEX deliveries_ready ON deliveries (queue) WHERE due_at IS NULL;
CREATE INDEX deliveries_copied ON deliveries (position) WHERE copied = 1;
CREATE INDEX deliveries_due ON deliveries (queue, due_at) WHERE due_at IS NOT NULL;
CREATE TRIGGER delivery_added AFTER INSERT ON deliveries BEGIN UPDATE queues SET unsettled = unsettled + 1 WHERE id = new.queue; END;
CREATE TRIGGER delivery_removed AFTER DELETE ON deliveries BEGIN UPDATE queues SET unsettled = unsettled - 1 WHERE id = old.queue; END;

CREATE TABLE dead_letters (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT    NOT NULL UNIQUE,
    scope          TEXT    NOT NULL,
    queue_name     TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    error          TEXT    NOT NULL,
    attempts       INTEGER NOT NULL,
    host           TEXT    NOT NULL,
    published_at   REAL    NOT NULL,
    parked_at      REAL    NOT NULL,
    headers        TEXT,
    message_id     TEXT    NOT NULL,
    message_type   TEXT    NOT NULL,
    topic          TEXT    NOT NULL,
    correlation_id TEXT,
    reply_to       TEXT,
    direct         INTEGER NOT NULL,
    body           BLOB    NOT NULL
) STRICT;

-- A key is free without a row or once its lease is over, taken while it lasts, done with a value.
CREATE TABLE ledger (
    key         TEXT    PRIMARY KEY,
    owner       TEXT    NOT NULL,
    token       INTEGER NOT NULL,
    lease_until REAL    NOT NULL,
    value       BLOB,
    since       REAL    NOT NULL DEFAULT 0
) STRICT;
