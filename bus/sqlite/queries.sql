-- The statements of the embedded bus. `?1`, `?2`, … are the arguments in order.

-- name: identity
-- Whose file it is, of which version, and whether it is still empty.
SELECT
    (SELECT application_id FROM pragma_application_id),
    (SELECT user_version FROM pragma_user_version),
    (SELECT count(*) FROM sqlite_master);

-- name: data_version
-- Changes with every commit of another connection.
PRAGMA data_version;

-- name: insert_message
-- Appends to the log: ?1 id, ?2 type, ?3 topic, ?4 correlation id, ?5 reply to, ?6 direct,
-- ?7 published at, ?8 whether to record it, ?9 body, ?10 body as text or NULL if it is no JSON,
-- ?11 the conversation that it is encrypted for, or NULL.
-- What the sender did not mirror is taken from the event. A second message of an id is no record.
INSERT INTO messages (
    id, message_type, topic, source, time, correlation_id, causation_id, conversation,
    reply_to, direct, published_at, recorded, body, encrypted_for
)
SELECT
    message_id,
    ifnull(nullif(?2, ''), ifnull(json_extract(event, '$.type'), '')),
    ?3,
    source,
    CASE
        WHEN time GLOB '????-??-??T??:??:??.??????Z' THEN time
        ELSE ifnull(strftime('%Y-%m-%dT%H:%M:%f000Z', time), '')
    END,
    correlation,
    json_extract(event, '$.causationid'),
    ifnull(correlation, request_key(source, message_id)),
    ifnull(?5, json_extract(event, '$.replyto')),
    ?6,
    ?7,
    ?8 AND NOT EXISTS (
        SELECT 1 FROM messages WHERE recorded = 1 AND id <> '' AND id = message_id
    ),
    ?9,
    ?11
FROM (
    SELECT
        event,
        CAST(ifnull(nullif(?1, ''), ifnull(json_extract(event, '$.id'), '')) AS TEXT) AS message_id,
        CAST(ifnull(json_extract(event, '$.source'), '') AS TEXT) AS source,
        ifnull(?4, json_extract(event, '$.correlationid')) AS correlation,
        json_extract(event, '$.time') AS time
    FROM (SELECT iif(json_valid(?10), ?10, NULL) AS event)
);

-- name: last_position
-- Where the log ends.
SELECT max(position) FROM messages;

-- name: select_records
-- Records of a span of positions, to which conditions, an order and a limit are added.
SELECT position, id, message_type, topic, source, time, correlation_id, causation_id, body,
       erased, encrypted_for
FROM messages WHERE recorded = 1 AND position > ? AND position <= ?;

-- name: recent_conversations
-- What messages of a type began lately: ?1 type, ?2 how the conversation begins, ?3 how many, ?4 of
-- how many positions.
SELECT conversation, time FROM messages
WHERE recorded = 1 AND message_type = ?1 AND substr(conversation, 1, length(?2)) = ?2
    AND position > (SELECT max(position) FROM messages) - ?4
ORDER BY position DESC LIMIT ?3;

-- name: is_of_request
-- A condition: the conversation, or the id of what began it, lies in [first, second).
AND (
    (conversation >= ? AND conversation < ?)
    OR (correlation_id IS NULL AND id <> '' AND id >= ? AND id < ?)
);

-- name: is_of_role
-- A condition: told to the role's topic, or said by the role.
AND (topic = ? OR source = ?);

-- name: is_of_type
-- A condition: a part of the wire name.
AND instr(message_type, ?) > 0;

-- name: is_since
-- A condition: the message's own time, included.
AND time >= ?;

-- name: is_until
-- A condition: the message's own time, not included.
AND time < ? AND time <> '';

-- name: has_text
-- A condition: some text in the event, blind to the case of A to Z, as far as it can be read here.
AND (encrypted_for IS NOT NULL OR instr(lower(CAST(body AS TEXT)), lower(?)) > 0);

-- name: erase_records
-- Empties the records of a conversation: ?1 its name, ?2 the type that is never erased.
UPDATE messages SET body = x'', reply_to = NULL, erased = 1
WHERE recorded = 1 AND conversation = ?1 AND erased = 0 AND message_type <> ?2;

-- name: count_encrypted
-- The records that are encrypted for a conversation, and those that are not: ?1 its name, ?2 the
-- type that is never erased.
SELECT total(encrypted_for IS NOT NULL), total(encrypted_for IS NULL)
FROM messages WHERE recorded = 1 AND conversation = ?1 AND message_type <> ?2;

-- name: delete_deliveries_of
-- What still waits of a conversation: ?1 its name.
DELETE FROM deliveries WHERE position IN (
    SELECT position FROM messages WHERE recorded = 1 AND conversation = ?1
    UNION ALL
    SELECT position FROM messages
    WHERE recorded = 0 AND (conversation = ?1 OR correlation_id = ?1)
);

-- name: delete_copies_of
-- The unrecorded messages of a conversation: ?1 its name.
DELETE FROM messages WHERE recorded = 0 AND (conversation = ?1 OR correlation_id = ?1);

-- name: insert_delivery
-- One message waits in one queue: ?1 queue, ?2 position, ?3 headers.
INSERT INTO deliveries (queue, position, copied, headers)
VALUES (?1, ?2, (SELECT recorded = 0 FROM messages WHERE position = ?2), ?3);

-- name: routing_generation
-- Whether cached routes still hold.
SELECT generation FROM routing;

-- name: change_routing
-- Makes every cached route stale; random, so that no rollback can bring a value back.
UPDATE routing SET generation = random();

-- name: select_bindings
-- Which pattern leads to which queue.
SELECT q.id, q.scope, q.name, b.pattern FROM queues q JOIN bindings b ON b.queue = q.id ORDER BY q.id;

-- name: select_listeners
-- Whom to wake for which queue.
SELECT DISTINCT c.queue, p.id, p.doorbell FROM consumers c JOIN peers p ON p.id = c.peer;

-- name: find_queue
-- The queue of a group: ?1 scope, ?2 name.
SELECT id, peer FROM queues WHERE scope = ?1 AND name = ?2;

-- name: unsettled_in_queue
-- How much of a queue is unsettled, and whose queue it is: ?1 queue.
SELECT unsettled, name FROM queues WHERE id = ?1;

-- name: insert_queue
-- A queue: ?1 scope, ?2 name or NULL, ?3 peer whose end is its end, or NULL.
INSERT INTO queues (scope, name, peer) VALUES (?1, ?2, ?3);

-- name: bind_queue
-- A pattern leads to a queue, once.
INSERT OR IGNORE INTO bindings (queue, pattern) VALUES (?1, ?2);

-- name: delete_queue_waiting
-- What waits in a queue that ends; what was taken can still be settled.
DELETE FROM deliveries WHERE queue = ?1 AND (due_at IS NULL OR owner IS NULL);

-- name: delete_queue_bindings
-- No pattern leads to it any more.
DELETE FROM bindings WHERE queue = ?1;

-- name: delete_queue
-- The queue itself.
DELETE FROM queues WHERE id = ?1;

-- name: queues_of_peer
-- The queues that end with their peer.
SELECT id FROM queues WHERE peer = ?1;

-- name: insert_peer
-- A process that listens: ?1 peer, ?2 doorbell, ?3 now.
INSERT OR IGNORE INTO peers (id, doorbell, seen_at) VALUES (?1, ?2, ?3);

-- name: touch_peer
-- It is alive: ?1 peer, ?2 now.
UPDATE peers SET seen_at = ?2 WHERE id = ?1;

-- name: select_peers
-- Everybody who listens, when last seen alive.
SELECT id, doorbell, seen_at FROM peers;

-- name: delete_peer
-- It is gone.
DELETE FROM peers WHERE id = ?1;

-- name: insert_consumer
-- One subscriber of a queue: ?1 consumer, ?2 queue, ?3 peer.
INSERT INTO consumers (id, queue, peer) VALUES (?1, ?2, ?3);

-- name: own_copy_of_consumer
-- The queue that only this subscriber has.
SELECT q.id FROM consumers c JOIN queues q ON q.id = c.queue WHERE c.id = ?1 AND q.name IS NULL;

-- name: delete_consumer
-- A subscriber left.
DELETE FROM consumers WHERE id = ?1;

-- name: delete_consumers_of_peer
-- All subscribers of a peer left.
DELETE FROM consumers WHERE peer = ?1;

-- name: consumers_of_group
-- The peers that subscribe to a group, once per subscription: ?1 scope, ?2 name.
SELECT p.id, p.doorbell, p.seen_at
FROM queues q JOIN consumers c ON c.queue = q.id JOIN peers p ON p.id = c.peer
WHERE q.scope = ?1 AND q.name = ?2;

-- name: waiting_for_group
-- How much of a group's queue can be taken, and when the oldest of that was published: ?1 scope,
-- ?2 name, ?3 now.
SELECT count(*), min(m.published_at)
FROM queues q JOIN deliveries d ON d.queue = q.id JOIN messages m ON m.position = d.position
WHERE q.scope = ?1 AND q.name = ?2 AND (d.due_at IS NULL OR d.due_at <= ?3);

-- name: wake_due
-- What waited for a delay or was lost with its lease can be taken again: ?1 queue, ?2 now.
UPDATE deliveries
SET due_at = NULL, since = NULL, redeliveries = redeliveries + (owner IS NOT NULL), owner = NULL
WHERE queue = ?1 AND due_at <= ?2;

-- name: wake_of_earlier_boot
-- What was delayed or leased before the machine booted, or by a process that knew no `since`:
-- ?1 queue, ?2 latest instant of this boot.
UPDATE deliveries
SET due_at = NULL, since = NULL, redeliveries = redeliveries + (owner IS NOT NULL), owner = NULL
WHERE queue = ?1 AND due_at IS NOT NULL AND (since IS NULL OR since > ?2);

-- name: next_due
-- When something of a queue can next be taken.
SELECT min(due_at) FROM deliveries WHERE queue = ?1 AND due_at IS NOT NULL;

-- name: select_ready
-- What can be taken from a queue, in order: ?1 queue, ?2 how many.
SELECT d.id, d.handouts + 1, d.attempt, d.redeliveries, d.headers, d.copied, d.position,
       m.topic, m.body, m.id, m.message_type, m.correlation_id, m.reply_to, m.direct
FROM deliveries d JOIN messages m ON m.position = d.position
WHERE d.queue = ?1 AND d.due_at IS NULL
ORDER BY d.id LIMIT ?2;

-- name: take_ready
-- Leases what was selected: ?1 queue, ?2 last id, ?3 owner, ?4 end of the lease, ?5 now.
UPDATE deliveries SET owner = ?3, due_at = ?4, since = ?5, handouts = handouts + 1
WHERE queue = ?1 AND due_at IS NULL AND id <= ?2;

-- name: renew_lease
-- ?1 new end of the lease, ?2 now, ?3 id, ?4 owner, ?5 hand-out.
UPDATE deliveries SET due_at = ?1, since = ?2 WHERE id = ?3 AND owner = ?4 AND handouts = ?5;

-- name: settle_delivery
-- It is done with: ?1 id, ?2 owner, ?3 hand-out.
DELETE FROM deliveries WHERE id = ?1 AND owner = ?2 AND handouts = ?3;

-- name: return_delivery
-- It waits again: ?1 id, ?2 owner, ?3 hand-out, ?4 from when on or NULL, ?5 attempt, ?6 redeliveries,
-- ?7 now.
UPDATE deliveries SET owner = NULL, due_at = ?4, attempt = ?5, redeliveries = ?6, since = ?7
WHERE id = ?1 AND owner = ?2 AND handouts = ?3;

-- name: drop_if_queue_is_gone
-- A delivery that was handed back to a queue which ended meanwhile.
DELETE FROM deliveries
WHERE id = ?1 AND owner IS NULL AND NOT EXISTS (SELECT 1 FROM queues q WHERE q.id = queue);

-- name: return_all
-- Everything that an owner holds waits again: ?1 owner, ?2 how many redeliveries that adds.
UPDATE deliveries
SET owner = NULL, due_at = NULL, since = NULL, redeliveries = redeliveries + ?2
WHERE due_at IS NOT NULL AND owner = ?1
RETURNING queue;

-- name: drop_orphans
-- What was handed back to a queue that is gone.
DELETE FROM deliveries
WHERE queue = ?1 AND due_at IS NULL AND NOT EXISTS (SELECT 1 FROM queues WHERE id = ?1);

-- name: drop_message
-- An unrecorded message that waits nowhere any more.
DELETE FROM messages
WHERE position = ?1 AND recorded = 0
  AND NOT EXISTS (SELECT 1 FROM deliveries WHERE position = ?1 AND copied = 1);

-- name: drop_unneeded_messages
-- All unrecorded messages that wait nowhere any more.
DELETE FROM messages
WHERE recorded = 0 AND NOT EXISTS (
    SELECT 1 FROM deliveries d WHERE d.position = messages.position AND d.copied = 1
);

-- name: park_delivery
-- A dead letter from a delivery: ?1 delivery, ?2 owner, ?3 hand-out, ?4 its new id, ?5 reason,
-- ?6 error, ?7 host, ?8 now, ?9 headers without the token.
INSERT INTO dead_letters (
    id, scope, queue_name, reason, error, attempts, host, published_at, parked_at, headers,
    message_id, message_type, topic, correlation_id, reply_to, direct, body
)
SELECT ?4, ifnull(q.scope, ''), ifnull(q.name, ''), ?5, ?6, d.attempt, ?7, m.published_at, ?8, ?9,
       m.id, m.message_type, m.topic, m.correlation_id, m.reply_to, m.direct, m.body
FROM deliveries d JOIN messages m ON m.position = d.position LEFT JOIN queues q ON q.id = d.queue
WHERE d.id = ?1 AND d.owner = ?2 AND d.handouts = ?3;

-- name: select_dead_letters
-- The oldest dead letters: ?1 how many.
SELECT id, queue_name, reason, error, attempts, host, published_at, parked_at, headers,
       topic, body, message_id, message_type, correlation_id, reply_to, direct
FROM dead_letters ORDER BY number LIMIT ?1;

-- name: count_dead_letters
-- How many there are: ?1 scope.
SELECT count(*) FROM dead_letters WHERE scope = ?1;

-- name: find_dead_letters
-- Those whose id lies in [?1, ?2); two are enough to know that a beginning is ambiguous.
SELECT id, queue_name, reason, error, attempts, host, published_at, parked_at, headers,
       topic, body, message_id, message_type, correlation_id, reply_to, direct
FROM dead_letters WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2;

-- name: find_redrive_queue
-- The queue that a dead letter came from, as far as it still exists.
SELECT q.id FROM dead_letters l JOIN queues q ON q.scope = l.scope AND q.name = l.queue_name
WHERE l.id = ?1;

-- name: copy_dead_letter
-- Its message again, beside the record: ?1 dead letter, ?2 new body or NULL, ?3 now.
INSERT INTO messages (
    id, message_type, topic, source, time, correlation_id, causation_id, conversation,
    reply_to, direct, published_at, recorded, body
)
SELECT message_id, message_type, topic, '', '', correlation_id, NULL, '',
       reply_to, direct, ?3, 0, ifnull(?2, body)
FROM dead_letters WHERE id = ?1;

-- name: delete_dead_letter
-- It is forgotten.
DELETE FROM dead_letters WHERE id = ?1;

-- name: claim_key
-- A lease on a key that is free: ?1 key, ?2 owner, ?3 end of the lease, ?4 now, ?5 latest instant of
-- this boot.
INSERT INTO ledger (key, owner, token, lease_until, since) VALUES (?1, ?2, 1, ?3, ?4)
ON CONFLICT (key) DO UPDATE
SET owner = excluded.owner, token = token + 1, lease_until = excluded.lease_until,
    since = excluded.since
WHERE value IS NULL AND (lease_until <= ?4 OR since > ?5)
RETURNING token;

-- name: look_up_key
-- What is known of one key.
SELECT lease_until, value FROM ledger WHERE key = ?1;

-- name: look_up_keys
-- What is known of several keys, given as a JSON array.
SELECT key, since, lease_until, value FROM ledger WHERE key IN (SELECT value FROM json_each(?1));

-- name: renew_claim
-- ?1 key, ?2 owner, ?3 token, ?4 new end of the lease, ?5 now.
UPDATE ledger SET lease_until = ?4, since = ?5
WHERE key = ?1 AND owner = ?2 AND token = ?3 AND value IS NULL AND lease_until > ?5;

-- name: release_claim
-- ?1 key, ?2 owner, ?3 token.
UPDATE ledger SET lease_until = 0
WHERE key = ?1 AND owner = ?2 AND token = ?3 AND value IS NULL;

-- name: record_value
-- The first value stays: ?1 key, ?2 value.
INSERT INTO ledger (key, owner, token, lease_until, value) VALUES (?1, '', 0, 0, ?2)
ON CONFLICT (key) DO UPDATE SET value = ifnull(value, excluded.value), lease_until = 0
RETURNING value;

-- name: forget_value
-- No other value is ever kept: ?1 key.
INSERT INTO ledger (key, owner, token, lease_until, value) VALUES (?1, '', 0, 0, x'')
ON CONFLICT (key) DO UPDATE SET value = x'', lease_until = 0;
