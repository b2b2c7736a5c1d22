"""The bus file: jobs, errors, checkpoints, doorbells."""

import asyncio
import random
import re
import sqlite3
import stat
import sys
import threading
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bus.clock import SystemClock
from bus.errors import StoreCorruptError, StoreError, StoreFullError, StoreLockedError
from bus.history import HistoryQuery
from bus.ledger import Claim, Leased, Recorded
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite import checkpoint, job_thread, patience
from bus.sqlite.connection import MEMORY, connect, open_file
from bus.sqlite.database import Database
from bus.sqlite.doorbell import Doorbell, Ringer, is_dead
from bus.sqlite.errors import translate
from bus.sqlite.queries import QUERIES
from bus.transport import Subscription
from tests.support.bus_under_test import acknowledge, next_of
from tests.support.clock import ManualClock
from tests.support.events import events
from tests.support.sqlite_bus import open_sqlite_bus

CLOCK = SystemClock()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bus.db")


@pytest.fixture
async def database(path: str):
    async with await Database.open(path) as opened:
        yield opened


def keep(key: str, value: bytes = b""):
    """A job that writes one row."""
    return lambda connection: connection.execute(QUERIES["record_value"], (key, value)).fetchone()


def keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM ledger ORDER BY key")]


# Jobs


@pytest.mark.parametrize("place", ["file", MEMORY])
async def test_what_was_written_can_be_read(place, path):
    async with await Database.open(path if place == "file" else MEMORY) as database:
        assert await database.write(keep("a", b"1")) == (b"1",)
        assert await database.read(keys) == ["a"]


async def test_writes_that_wait_together_share_a_transaction(database: Database):
    statements: list[str] = []
    await database.write(lambda connection: connection.set_trace_callback(statements.append))
    statements.clear()

    is_held, may_go = threading.Event(), threading.Event()

    def hold_up(connection):
        """Runs while the others line up behind it."""
        is_held.set()
        assert may_go.wait(10)

    held = database.submit(hold_up)
    await asyncio.to_thread(is_held.wait, 10)
    others = [database.submit(keep(f"{number:02}")) for number in range(50)]
    may_go.set()
    await asyncio.gather(held, *others)
    assert statements.count("COMMIT") == 2
    assert len(await database.read(keys)) == 50
    await database.write(lambda connection: connection.set_trace_callback(None))


async def test_a_job_that_fails_takes_no_other_with_it(database: Database):
    def fail(connection):
        keep("half")(connection)
        raise KeyError("half")

    outcomes = await asyncio.gather(
        database.write(keep("a")),
        database.write(fail),
        database.write(lambda connection: connection.execute("SELECT nonsense")),
        database.write(keep("b")),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], KeyError)
    assert isinstance(outcomes[2], StoreError)
    assert await database.read(keys) == ["a", "b"]


async def test_a_cancelled_write_harms_no_other(database: Database):
    writing = asyncio.ensure_future(database.write(keep("a")))
    await asyncio.sleep(0)
    writing.cancel()
    await database.write(keep("b"))
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert "b" in await database.read(keys)


async def test_callers_are_held_up_while_too_much_waits(database: Database, monkeypatch):
    monkeypatch.setattr(job_thread, "WAITING_LIMIT", 4)
    most = 0

    async def write(number: int) -> None:
        nonlocal most
        await database.write(keep(f"{number:03}"))
        most = max(most, database._writer._waiting)

    async with asyncio.timeout(10):
        await asyncio.gather(*(write(number) for number in range(200)))
    assert most <= 8
    assert len(await database.read(keys)) == 200


async def test_the_reader_cannot_write(database: Database):
    with pytest.raises(StoreError):
        await database.read(keep("a"))


async def test_closing_finishes_what_was_asked_for(path):
    database = await Database.open(path)
    writes = [database.submit(keep(f"{number:02}")) for number in range(20)]
    await database.aclose()
    await database.aclose()
    assert all(write.done() for write in writes)
    with pytest.raises(StoreError):
        await database.write(keep("late"))
    async with await Database.open(path) as again:
        assert len(await again.read(keys)) == 20


# The file


async def test_the_file_and_its_directory_are_private(tmp_path: Path):
    path = tmp_path / "state" / "bus.db"
    async with await Database.open(str(path)) as database:
        await database.write(keep("a"))
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (*path.parent.iterdir(), path)]
        assert set(modes) == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_many_may_open_a_new_file_at_once(path):
    databases = await asyncio.gather(*(Database.open(path) for _ in range(8)))
    await asyncio.gather(*(each.write(keep(f"{number}")) for number, each in enumerate(databases)))
    assert len(await databases[0].read(keys)) == 8
    for each in databases:
        await each.aclose()


async def test_opening_a_file_again_drops_no_locks_of_those_who_have_it_open(path):
    visit = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM ledger')"
    async with await Database.open(path) as database:
        await database.write(keep("a"))
        async with await Database.open(path):
            pass
        # Without our locks, whoever closes the file would be the last one and delete its log.
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", visit, path)
        assert await process.wait() == 0
        assert Path(f"{path}-wal").exists()
        await database.write(keep("b"))
        async with await Database.open(path) as another:
            assert await another.read(keys) == ["a", "b"]


async def test_opening_can_be_cancelled(path):
    for _ in range(5):
        opening = asyncio.create_task(Database.open(path))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    async with await Database.open(path) as database:
        await database.write(keep("a"))


async def test_a_file_of_another_program_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE theirs (a)")
    foreign.close()
    before = Path(path).read_bytes()
    with pytest.raises(StoreCorruptError, match="another program"):
        await Database.open(path)
    assert Path(path).read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    Path(path).write_text("Dear diary, " * 100)
    with pytest.raises(StoreCorruptError, match=re.escape(path)):
        await Database.open(path)
    assert Path(path).read_text().startswith("Dear diary")


async def test_a_file_of_a_newer_version_is_refused(path):
    connection = open_file(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        await Database.open(path)


async def test_a_damaged_file_is_refused(path):
    async with await Database.open(path) as database:
        for number in range(200):
            await database.write(keep(f"{number:03}", b"x" * 500))
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\x5a" * 4096
    Path(path).write_bytes(content)
    with pytest.raises(StoreCorruptError, match="damaged"):
        await Database.open(path)


@pytest.mark.parametrize("seed", range(20))
async def test_a_file_with_flipped_bits_is_refused_or_still_works(path, seed):
    draw = random.Random(seed)
    async with await Database.open(path) as database:
        for number in range(40):
            await database.write(keep(f"{number:03}", b"%03d" % number * 100))
    content = bytearray(Path(path).read_bytes())
    for _ in range(draw.choice([1, 8])):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    if draw.random() < 0.3:
        del content[draw.randrange(1, len(content)) :]
    Path(path).write_bytes(content)
    try:
        async with await Database.open(path) as database:
            await database.read(keys)
            await database.write(keep("a"))
            assert "a" in await database.read(keys)
    except StoreError as error:
        assert path in str(error)


async def test_a_log_whose_file_is_gone_is_refused_and_kept(path):
    async with await Database.open(path) as database:
        await database.write(keep("a"))
        log = Path(f"{path}-wal")
        remains = log.read_bytes()
    Path(path).unlink()
    log.write_bytes(remains)
    with pytest.raises(StoreCorruptError, match=r"bus\.db-wal"):
        await Database.open(path)
    assert log.read_bytes() == remains


async def test_a_file_of_an_older_version_is_brought_up_to_date(path, tmp_path):
    workers = Subscription(pattern="task.a", group="agent.a")
    async with open_sqlite_bus(path) as bus:
        transport, ledger = await bus.transport(), SqliteLedger(await bus.database(), clock=CLOCK)
        async with transport.subscribe(workers) as deliveries:
            sent = events("task.a", 3)
            for envelope in sent:
                await transport.publish(envelope)
            await (await next_of(deliveries)).nack(3600.0)
        await ledger.record("done", b"1")
        await ledger.claim("begun", owner="a", lease=3600.0)
    make_version_1(path)
    async with open_sqlite_bus(path) as bus:
        transport, ledger = await bus.transport(), SqliteLedger(await bus.database(), clock=CLOCK)
        async with transport.subscribe(workers) as deliveries:
            received = await acknowledge(deliveries, 3)
        assert [each.envelope.id for each in received] == [envelope.id for envelope in sent]
        assert isinstance(await ledger.claim("begun", owner="b", lease=1.0), Claim)
        assert await ledger.look_up(["done"]) == {"done": Recorded(value=b"1")}
        history = await bus.history()
        assert len(await history.query(HistoryQuery())) == 3
    upgraded, new = connect(path), open_file(str(tmp_path / "new.db"))
    assert shape(upgraded) == shape(new)
    upgraded.close()
    new.close()


def make_version_1(path: str) -> None:
    """Make the file one as version 0.1 wrote it.

    No counts, instants of the wall clock, nothing encrypted or erased.
    """
    connection = connect(path)
    for statement in (
        "DROP TRIGGER delivery_added",
        "DROP TRIGGER delivery_removed",
        "ALTER TABLE queues DROP COLUMN unsettled",
        "ALTER TABLE deliveries DROP COLUMN since",
        "ALTER TABLE ledger DROP COLUMN since",
        "ALTER TABLE messages DROP COLUMN encrypted_for",
        "ALTER TABLE messages DROP COLUMN erased",
        "UPDATE deliveries SET due_at = unixepoch() + 3600 WHERE due_at IS NOT NULL",
        "UPDATE ledger SET lease_until = unixepoch() + 3600 WHERE value IS NULL",
        "PRAGMA user_version = 1",
    ):
        connection.execute(statement)
    connection.close()


def shape(connection: sqlite3.Connection) -> tuple[list, dict[str, list]]:
    """Everything that is defined in the file, and the columns of each table."""
    defined = connection.execute("SELECT type, name FROM sqlite_master ORDER BY 1, 2").fetchall()
    columns = {
        name: sorted(row[1:4] for row in connection.execute(f"PRAGMA table_info({name})"))
        for kind, name in defined
        if kind == "table"
    }
    return defined, columns


async def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file" / "bus.db", tmp_path):
        with pytest.raises(StoreError, match=re.escape(str(impossible))):
            await Database.open(str(impossible))


async def test_a_write_waits_for_other_processes_but_not_for_ever(path, monkeypatch):
    monkeypatch.setattr(patience, "LOCK_TIMEOUT", 0.05)
    async with await Database.open(path) as database:
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        writes = [database.write(keep(f"{number}")) for number in range(20)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreLockedError}
        other.execute("ROLLBACK")
        other.close()
        await database.write(keep("a"))
        assert await database.read(keys) == ["a"]


async def test_a_full_disk_is_told_and_survived(database: Database):
    def limit(connection, pages):
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    (pages,) = await database.read(lambda c: c.execute("PRAGMA page_count").fetchone())
    await database.write(lambda connection: limit(connection, pages))
    with pytest.raises(StoreFullError):
        await database.write(keep("large", b"x" * 100_000))
    await database.write(lambda connection: limit(connection, 1_000_000))
    await database.write(keep("small"))
    assert await database.read(keys) == ["small"]


@pytest.mark.parametrize("error", [sqlite3.Error, *sqlite3.Error.__subclasses__()])
def test_every_error_of_the_driver_is_translated(error):
    assert isinstance(translate(error("no"), "bus.db"), StoreError)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SQLITE_BUSY_SNAPSHOT", StoreLockedError),
        ("SQLITE_LOCKED_SHAREDCACHE", StoreLockedError),
        ("SQLITE_CORRUPT_INDEX", StoreCorruptError),
        ("SQLITE_NOTADB", StoreCorruptError),
        ("SQLITE_FULL", StoreFullError),
        ("SQLITE_IOERR_SHMSIZE", StoreFullError),
        ("SQLITE_READONLY_DIRECTORY", StoreError),
        ("SQLITE_CANTOPEN_ISDIR", StoreError),
        ("SQLITE_IOERR_FSYNC", StoreError),
        ("SQLITE_CONSTRAINT_UNIQUE", StoreError),
    ],
)
def test_what_happened_is_told_by_the_type(code, expected):
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = getattr(sqlite3, code)
    translated = translate(error, "/somewhere/bus.db")
    assert type(translated) is expected
    assert "/somewhere/bus.db" in str(translated)


async def test_the_log_of_the_file_does_not_grow_without_end(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LIMIT", 256 * 1024)
    async with await Database.open(path) as database:
        for number in range(300):
            await database.write(keep(f"{number:03}", b"x" * 20_000))
        assert Path(f"{path}-wal").stat().st_size < 3 * 1024 * 1024
        assert Path(path).stat().st_size > 3 * 1024 * 1024


async def test_nobody_can_commit_while_the_log_is_moved(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LIMIT", 0)
    intruder = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    refused: list[int] = []

    class Watched:
        """The connection that moves the log; looks whether another one could commit meanwhile."""

        def __init__(self, path: str) -> None:
            self._connection = connect(path)

        def execute(self, statement: str) -> sqlite3.Cursor:
            assert "wal_checkpoint" in statement
            with pytest.raises(sqlite3.OperationalError) as raised:
                intruder.execute("BEGIN IMMEDIATE")
            refused.append(raised.value.sqlite_errorcode)
            return self._connection.execute(statement)

        def close(self) -> None:
            self._connection.close()

    monkeypatch.setattr(checkpoint, "connect", Watched)
    async with await Database.open(path) as database:
        for number in range(40):
            await database.write(keep(f"{number}"))
    assert len(refused) >= 3
    assert set(refused) == {sqlite3.SQLITE_BUSY}
    intruder.close()


async def test_sqlite_moves_no_log_by_itself(database: Database):
    def automatic(connection: sqlite3.Connection) -> int:
        return connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0]

    assert await database.write(automatic) == 0
    assert await database.read(automatic) == 0
    connection = connect(database.path)
    assert automatic(connection) == 0
    connection.close()


async def test_the_log_is_moved_into_the_file_at_the_end(path):
    async with await Database.open(path) as database, await Database.open(path):
        await database.write(keep("a", b"x" * 50_000))
        await database.aclose()
        assert Path(path).stat().st_size > 50_000


def test_every_query_fits_the_schema():
    connection = open_file(MEMORY)
    conditions = {name for name in QUERIES if name.startswith(("is_", "has_"))}
    select = QUERIES["select_records"]
    for name, query in QUERIES.items():
        statement = f"{select} {query}" if name in conditions else query
        count = (
            statement.count("?") if "?1" not in statement else len({*re.findall(r"\?\d+", query)})
        )
        connection.execute(f"EXPLAIN {statement}", [None] * count)
    connection.close()


# Claims


@pytest.mark.parametrize("hours", [-1, 1])
async def test_setting_the_wall_clock_neither_ends_nor_prolongs_a_claim(database: Database, hours):
    clock = ManualClock()
    ledger = SqliteLedger(database, clock=clock)
    await ledger.claim("a", owner="one", lease=10.0)
    clock._now += timedelta(hours=hours)
    leased = await ledger.claim("a", owner="two", lease=10.0)
    assert leased == Leased(seconds=10.0)
    assert await ledger.look_up(["a"]) == {"a": Leased(seconds=10.0)}
    clock.advance(11)
    assert isinstance(await ledger.claim("a", owner="two", lease=10.0), Claim)


async def test_a_claim_of_before_the_machine_booted_is_over(database: Database):
    clock = ManualClock()
    ledger = SqliteLedger(database, clock=clock)
    await ledger.claim("a", owner="one", lease=10.0)
    clock._monotonic = 5.0
    assert await ledger.look_up(["a"]) == {}
    assert isinstance(await ledger.claim("a", owner="two", lease=10.0), Claim)


async def test_a_claim_that_was_written_a_moment_later_is_none_of_an_earlier_boot(
    database: Database,
):
    early, late = ManualClock(), ManualClock()
    late.advance(5)
    await SqliteLedger(database, clock=late).claim("a", owner="one", lease=10.0)
    entry = await SqliteLedger(database, clock=early).claim("a", owner="two", lease=10.0)
    assert isinstance(entry, Leased)


# Doorbells


@pytest.fixture
def ringer():
    ringer = Ringer()
    yield ringer
    ringer.close()


def test_a_doorbell_carries_messages(path, ringer: Ringer):
    bell = Doorbell(path)
    ringer.ring(bell.address, b"1")
    ringer.ring(bell.address, b"2,3")
    assert bell.answer() == [b"1", b"2,3"]
    assert bell.answer() == []
    bell.close()


def test_a_doorbell_tells_the_dead_from_the_unknown(path, ringer: Ringer):
    bell, dead = Doorbell(path), Doorbell(path)
    assert not is_dead(bell.address)
    dead._socket.close()
    assert is_dead(dead.address)
    ringer.ring(dead.address, b"1")
    dead.close()
    assert not is_dead(dead.address)
    assert not is_dead("")
    ringer.ring(dead.address, b"1")
    bell.close()
    assert not Path(bell.address).parent.exists()


def test_without_a_private_directory_there_is_no_doorbell(path, monkeypatch):
    with TemporaryDirectory() as short:  # an address has little room
        monkeypatch.setattr("tempfile.tempdir", short)
        bell = Doorbell(path)
        directory = Path(bell.address).parent
        bell.close()
        directory.mkdir(mode=0o755)
        bell = Doorbell(path)
        assert bell.address == ""
        bell.close()


def test_where_paths_are_too_long_there_is_no_doorbell(path, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    bell = Doorbell(path)
    assert bell.address == ""
    bell.close()


def test_a_flood_of_rings_blocks_nobody(path, ringer: Ringer):
    bell = Doorbell(path)
    for _ in range(5000):
        ringer.ring(bell.address, b"1")
    assert bell.answer()
    bell.close()
