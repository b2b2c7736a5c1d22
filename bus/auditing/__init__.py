"""The audit of one process: noted, chained, recorded, headed, and inspected."""
