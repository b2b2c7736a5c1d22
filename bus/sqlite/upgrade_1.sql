-- From version 1 to 2: leases and delays follow the monotonic clock, queues know how much waits.

-- What was held or delayed by the wall clock comes again at once.
UPDATE deliveries SET redeliveries = redeliveries + (owner IS NOT NULL), owner = NULL, due_at = NULL
WHERE due_at IS NOT NULL;
ALTER TABLE deliveries ADD COLUMN since REAL;
UPDATE ledger SET lease_until = 0 WHERE value IS NULL;
ALTER TABLE ledger ADD COLUMN since REAL NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN unsettled INTEGER NOT NULL DEFAULT 0;
UPDATE queues SET unsettled = (SELECT count(*) FROM deliveries WHERE queue = queues.id);
CREATE TRIGGER delivery_added AFTER INSERT ON deliveries BEGIN UPDATE queues SET unsettled = unsettled + 1 WHERE id = new.queue; END;
CREATE TRIGGER delivery_removed AFTER DELETE ON deliveries BEGIN UPDATE queues SET unsettled = unsettled - 1 WHERE id = old.queue; END;
