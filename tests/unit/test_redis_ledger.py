"""What Redis can do wrong is told in our words."""

import inspect

import pytest
from redis import exceptions

from bus import BusError, ConnectionLostError, StoreError, UnreachableError, UsageError
from bus.ledgers.redis import RedisLedger
from bus.redis_client import translated


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ConnectionLostError, match=r"redis://127\.0\.0\.1:1/0") as caught:
        await RedisLedger.connect("redis://user:secret@127.0.0.1:1/0")
    assert "secret" not in str(caught.value)


async def test_what_is_no_redis_url_is_refused() -> None:
    with pytest.raises(UsageError, match="no Redis URL"):
        await RedisLedger.connect("http://127.0.0.1/")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (exceptions.AuthenticationError("no"), UnreachableError),
        (exceptions.ConnectionError("gone"), ConnectionLostError),
        (exceptions.TimeoutError("slow"), ConnectionLostError),
        (exceptions.ReadOnlyError("replica"), StoreError),
        (exceptions.OutOfMemoryError("full"), StoreError),
    ],
)
def test_what_happened_is_told_by_the_type(raised: Exception, told: type[BusError]) -> None:
    with pytest.raises(told), translated("redis://here", "the ledger"):
        raise raised


def test_every_error_of_the_driver_is_translated() -> None:
    for name, error in inspect.getmembers(exceptions, inspect.isclass):
        if not issubclass(error, exceptions.RedisError) or error.__module__ != exceptions.__name__:
            continue
        raised = error.__new__(error)
        with pytest.raises(BusError), translated("redis://here", "the ledger"):
            raise raised
        assert name
