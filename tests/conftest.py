"""Fixtures that every test may use, and one that watches them all."""

from collections.abc import Iterator

import pytest
import structlog
from blockbuster import blockbuster_ctx

from tests.support.postgresql_cluster import postgresql_cluster
from tests.support.rabbitmq_node import mortal_node, rabbitmq_node, watched_node
from tests.support.redis_server import redis_url

__all__ = ["mortal_node", "postgresql_cluster", "rabbitmq_node", "redis_url", "watched_node"]

HARMLESS = ("os.stat", "os.mkdir")
"""What imports and tracebacks do, in no time. Besides, tests open bus files on their own loop."""


@pytest.fixture(autouse=True)
def logs_are_as_they_come() -> None:
    """What one test configures about logs is not there for the next one."""
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[None]:
    """Fail a test in which code of ours blocks the event loop; what tests do is theirs."""
    with blockbuster_ctx(["bus", "agents"]) as watch:
        for name in HARMLESS:
            watch.functions[name].deactivate()
        for name in ("sqlite3.Connection.execute", "sqlite3.Cursor.fetchone"):
            watch.functions[name].can_block_in("bus/sqlite/connection.py", {"connect", "open_file"})
        reading = watch.functions["io.TextIOWrapper.read"]
        reading.can_block_in("importlib/metadata/__init__.py", "read_text")
        reading.can_block_in("bus/sqlite/queries.py", "<module>")
        yield
