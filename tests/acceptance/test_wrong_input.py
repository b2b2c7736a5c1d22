"""Whatever somebody types, sets or has in the way: one sentence that says what to do, and its code.

Those that no process of its own is needed for run in this one.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import Ended
from tests.support.typed_command import TypedCommand

pytestmark = pytest.mark.timeout(120)

GOOD = "id,amount\n1,5\n2,7\n3,6\n"
FAILED, USAGE, NOT_PERMITTED = 1, 2, 4


@pytest.fixture
def nothing_blocks_the_loop() -> None:
    """The loop of a command is its own: it may import, and look at files, while nobody waits."""


@pytest.fixture
def convener(tmp_path: Path) -> TypedCommand:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "good.csv").write_text(GOOD)
    (folder / "folder").mkdir()
    (folder / "text.db").write_text("somebody's notes\n" * 100)
    return TypedCommand(home=tmp_path, folder=folder)


def refused(ended: Ended, code: int, *words: str) -> None:
    """It exits with that code, and its one sentence, on standard error alone, has these words."""
    assert ended.code == code, ended.err
    said = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1, ended.err
    assert ended.err.splitlines()[-1] == said[0]
    for word in words:
        assert word in said[0], said[0]
    for never in ("Traceback", "unforeseen", "s3cret", "\x1b"):
        assert never not in ended.err + ended.out, ended.err


NO_HOST = "names no host and port of a broker"
NO_BUS = "is no bus URL: use sqlite:///PATH or amqp://USER:PASSWORD@HOST:PORT/"
FEW = "is not in the range"


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("analyse good.csv", USAGE, "Did you mean 'analyze'?"),
        ("--log-level loud status", USAGE, "'loud' is not one of"),
        ("--bus= status", USAGE, "--bus names nothing"),
        ("--bus sqlit:///ann:s3cret@x status", USAGE, NO_BUS),
        ("--bus here.db status", USAGE, NO_BUS),
        ("--bus sqlite:here.db status", USAGE, NO_BUS),
        ("--bus sqlite://here.db status", USAGE, "names no file"),
        ("--bus sqlite:///~nobody-here/x.db status", USAGE, "home of nobody who is known"),
        ("--bus sqlite:///HERE/folder status", FAILED, "is a folder, not a bus file"),
        ("--bus sqlite:///HERE/text.db status", FAILED, "is not a bus file"),
        ("--bus sqlite:////proc/none/bus.db status", USAGE, "where you may read and write"),
        ("--bus amqp:// status", USAGE, NO_HOST),
        ("--bus amqp:localhost status", USAGE, NO_BUS),
        ("--bus amqp://ann:s3cret@host:port/ status", USAGE, NO_HOST),
        ("--bus amqp://ann:s3cret@[::1/ status", USAGE, NO_HOST),
        ("--bus amqp://ann:s3cret@elsewhere/ status", USAGE, "by which keys"),
        ("--bus amqp://ann:s3cret@127.0.0.1:1/ status", FAILED, "Is RabbitMQ running?"),
        ("--bus amqp://127.0.0.1:1/ analyze good.csv", USAGE, "`convener publish … --wait`"),
        ("--model gpt status", USAGE, "write openai:NAME"),
        ("--model openai: status", USAGE, "write openai:NAME"),
        ("--model openai:m analyze good.csv", USAGE, "set OPENAI_API_KEY"),
        ("analyze ", USAGE, "A name of data is empty"),
        ("analyze good.csv ", USAGE, "A name of data is empty"),
        ("analyze missing.csv", FAILED, "There is no file"),
        ("analyze good.csv missing.csv", FAILED, "missing.csv: check the path"),
        ("analyze \x1b[31mred.csv", FAILED, r"\x1b[31mred.csv: check the path"),
        ("analyze -", FAILED, "not read from standard input"),
        ("analyze good.csv ./good.csv", USAGE, "is given twice as data"),
        ("analyze ~nobody-here/x.csv", USAGE, "no path that leads to a file"),
        ("analyze s3://ann:s3cret@bucket/x.csv", USAGE, "Nothing can be read from s3://"),
        ("analyze good.csv --role security --role security", USAGE, "given twice as --role"),
        ("analyze good.csv --role astrology", USAGE, "this panel has"),
        ("analyze good.csv --deadline 0", USAGE, FEW),
        ("analyze good.csv --deadline nan", USAGE, "'nan' is not a valid number of seconds"),
        ("analyze good.csv --deadline soon", USAGE, "'soon' is not a valid number of seconds"),
        ("analyze good.csv --budget tokens", USAGE, "write NAME=VALUE"),
        ("analyze good.csv --budget tokens=", USAGE, "should be a valid integer"),
        ("analyze good.csv --budget tokens=-1", USAGE, "greater than or equal to 0"),
        ("analyze good.csv --budget tokens=9999999999999", USAGE, "less than or equal to"),
        ("analyze good.csv --budget cost=inf", USAGE, "should be a finite number"),
        ("analyze good.csv --budget cost=nan", USAGE, "--budget cost=nan cannot be"),
        ("analyze good.csv --budget seconds=1e9", USAGE, "less than or equal to"),
        ("analyze good.csv --budget euros=3", USAGE, "known are tokens, cost, seconds"),
        ("analyze good.csv --budget cost=1 --budget cost=2", USAGE, "given twice"),
        ("analyze good.csv --characteristic volume_bytes=" + "9" * 30, USAGE, "less than or equal"),
        ("analyze good.csv --characteristic events_per_second=inf", USAGE, "finite number"),
        ("analyze good.csv --characteristic processing_type=both", USAGE, "'batch' or 'streaming'"),
        ("analyze good.csv --characteristic error_rate=7", USAGE, "less than or equal to 1"),
        ("analyze good.csv -q " + "a" * 1_000_000, USAGE, "at most 10000 characters"),
        ("analyze " + " ".join(f"f{n}.csv" for n in range(40)), USAGE, "at most 32"),
        ("analyze good.csv -o ", USAGE, "It is empty: name a file"),
        ("analyze good.csv -o none/report.md", USAGE, "There is no folder 'none': make it first"),
        ("analyze good.csv -o folder", USAGE, "is a directory"),
        ("analyze good.csv --offenders none/o.csv", USAGE, "make it first"),
        ("publish good.csv", FAILED, "start a worker"),
        ("report ffff", USAGE, "see `convener status`"),
        ("report ", USAGE, "It is empty: see `convener status`"),
        ("cancel ", USAGE, "It is empty"),
        ("status ffff", USAGE, "see `convener status`"),
        ("status -n many", USAGE, "'many' is not a valid whole number"),
        ("replay ffff", USAGE, "Missing option '--live'"),
        ("replay ffff --live", USAGE, "see `convener status`"),
        ("history ffff", USAGE, "No request has the id 'ffff'"),
        ("history --since soon", USAGE, "write 24h"),
        ("history --since 1h --until 2h", USAGE, "the first must be earlier"),
        ("stats --since 1h --until 2h", USAGE, "the first must be earlier"),
        ("audit export --since 1h --until 2h", USAGE, "the first must be earlier"),
        ("history forget", USAGE, "--request ID, or --subject NAME"),
        ("history forget --request ffff --yes", USAGE, "No request has the id"),
        ("history prune --older-than 90d", USAGE, "say --yes"),
        ("history prune --older-than 5m", USAGE, "say 1h"),
        ("history prune --older-than old --yes", USAGE, "is no duration"),
        ("dead show ffff", USAGE, "see `convener dead list`"),
        ("dead redrive ffff --body none.json", USAGE, "does not exist"),
        ("dead redrive ffff --body good.csv", FAILED, "is not JSON"),
        ("breakers --reset a --disable b", USAGE, "Give one of"),
        ("breakers --wait nan", USAGE, "number of seconds"),
        ("stats --request ffff", USAGE, "see `convener status`"),
        ("schema nothing", USAGE, "see `convener schema`"),
        ("token issue --subject ", USAGE, "name them with --subject"),
        ("token issue --subject ann --scope fly", USAGE, "'fly' is no permission"),
        ("token issue --subject ann --for 48h", USAGE, "at most 24h"),
        ("token inspect", USAGE, "Give a token"),
        ("token inspect -", USAGE, "Give a token"),
        ("token inspect s3cret.of.ann", NOT_PERMITTED, "cannot be read"),
        ("token key a/b", USAGE, "cannot name a key"),
        ("token key desk --out none/desk.key", USAGE, "make it first"),
        ("token drop desk", USAGE, "services.jwks"),
        ("audit verify --heads none", USAGE, "does not exist"),
        ("doctor --role Not-A-Role", USAGE, "is no role"),
        ("doctor --settings --ask-model", USAGE, "Give one of"),
        ("worker astrology", USAGE, "this panel has"),
        ("worker --app nothing", USAGE, "write MODULE:PANEL"),
        ("worker --app os:path", USAGE, "is not an agents.Panel"),
        ("worker --concurrency 0", USAGE, FEW),
        ("worker --grace nan", USAGE, "number of seconds"),
        ("completion tcsh", USAGE, "'tcsh' is not one of"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else value,
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    convener: TypedCommand, typed: str, code: int, words: str
) -> None:
    arguments = typed.replace("HERE", str(convener.folder)).split(" ")
    refused(convener.run(*arguments), code, words)


def test_what_was_refused_left_nothing_behind(convener: TypedCommand) -> None:
    before = sorted(convener.folder.iterdir())
    for arguments in (["missing.csv"], ["good.csv", "-o", "none/x"], ["good.csv", "good.csv"]):
        assert convener.run("analyze", *arguments).code != 0
    assert sorted(convener.folder.iterdir()) == before
    assert "No request has been recorded yet" in convener.run("status").err


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"buss = 1", "the unknown key 'buss'; known are audit_heads, authority"),
        (b"bus = 1", "'bus' in"),
        (b"bus = [", "cannot be read as TOML"),
        (b'bus = "x"\nbus = "y"', "cannot be read as TOML"),
        (b"\xff\xfeb", "it is not UTF-8"),
        (b'bus = "ampq://ann:s3cret@b/"', NO_BUS),
        (b"[data]\na = 1", "each path a text in quotes"),
        (b"[prices.m]\ninput = inf\noutput = 1", "m.input: Input should be a finite number"),
        (b"[history]\nretention = 90", "is no duration"),
        (b"[authority]\nservice = 1", "'authority.service'"),
    ],
)
def test_a_file_of_settings_that_cannot_be_meant_is_named(
    convener: TypedCommand, written: bytes, words: str
) -> None:
    (convener.folder / "convener.toml").write_bytes(written)
    refused(convener.run("status"), USAGE, words)


def test_a_file_of_settings_may_begin_with_a_byte_order_mark(convener: TypedCommand) -> None:
    (convener.folder / "convener.toml").write_bytes(b'\xef\xbb\xbfmodel = "openai:m"\n')
    assert convener.run("status").code == 0


def test_a_folder_in_the_place_of_the_file_of_settings_is_named(convener: TypedCommand) -> None:
    (convener.folder / "convener.toml").mkdir()
    refused(convener.run("status"), USAGE, "convener.toml cannot be read: Is a directory")


@pytest.mark.parametrize(
    ("environment", "typed", "code", "words"),
    [
        ({"CONVENER_BUS": "ampq://ann:s3cret@b/"}, "status", USAGE, NO_BUS),
        ({"CONVENER_DATA": "lake"}, "status", USAGE, "'lake' is none"),
        ({"CONVENER_CACHE": "good.csv"}, "analyze good.csv", USAGE, "set CONVENER_CACHE"),
        ({"CONVENER_RETENTION": "soon"}, "status", USAGE, "is no duration"),
        (
            {"CONVENER_TOKEN": "s3cret", "CONVENER_TOKEN_FILE": "x"},
            "status",
            USAGE,
            "Set one of CONVENER_TOKEN and CONVENER_TOKEN_FILE",
        ),
        (
            {"OPENAI_BASE_URL": "localhost:8000"},
            "--model openai:m analyze good.csv",
            FAILED,
            "OPENAI_BASE_URL is no address",
        ),
        (
            {"OPENAI_API_KEY": "s3cret\u2026"},
            "--model openai:m analyze good.csv",
            FAILED,
            "characters that no key has",
        ),
        (
            {"OPENAI_API_KEY": "s3cret", "CONVENER_PROMPTS": "none"},
            "--model openai:m analyze good.csv",
            USAGE,
            "see CONVENER_PROMPTS",
        ),
        ({"CONVENER_KEY": "none"}, "--bus amqp://127.0.0.1:1/ status", USAGE, "none cannot be"),
        ({"CONVENER_KEY": "folder"}, "--bus amqp://127.0.0.1:1/ status", USAGE, "folder"),
        ({"CONVENER_CA": "none"}, "--bus amqps://127.0.0.1:1/ status", USAGE, "cannot be read"),
        ({"CONVENER_PLAIN": "perhaps"}, "status", USAGE, "'perhaps' is not a valid boolean"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_wrong_in_the_environment_is_named(
    convener: TypedCommand, environment: dict[str, str], typed: str, code: int, words: str
) -> None:
    convener.environment |= environment
    refused(convener.run(*typed.split(" ")), code, words)


def zipped(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("good.csv", GOOD)


def linked_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


DATA: dict[str, tuple[str | Callable[[Path], None] | bytes, str]] = {
    "empty.csv": (b"", "is empty: it has no bytes at all"),
    "blank.csv": (b"\n\n\n", "nothing but blank lines"),
    "header.csv": (b"a,b,c\n", "has a header but no rows"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is not text"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "The format of"),
    "sheet.xlsx": (zipped, "save each sheet as CSV"),
    "packed.csv": (zipped, "is a ZIP archive or a workbook, so unpack it"),
    "half.json": (b'{"a": 1,', "half.json cannot be read: Malformed JSON"),
    "cut.parquet": (b"PAR1 and no more", "cut.parquet cannot be read"),
    "cut.csv.gz": (b"\x1f\x8b\x08no", "damaged gzip file: fetch it again"),
    "notes.db": (b"somebody's notes\n" * 9, "The format of"),
    "round.csv": (linked_to_itself, "no path that leads to a file"),
}


@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_read_says_why_on_standard_error(
    convener: TypedCommand, name: str
) -> None:
    content, words = DATA[name]
    file = convener.folder / name
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        assert callable(content)
        content(file)
    ended = convener.run("analyze", name)
    refused(ended, ended.code or -1, words)
    assert ended.code in (FAILED, USAGE)


def test_a_report_that_failed_is_in_its_file_and_its_reason_on_standard_error(
    convener: TypedCommand,
) -> None:
    (convener.folder / "empty.csv").touch()
    ended = convener.run("analyze", "empty.csv", "-o", "report.md")
    refused(ended, FAILED, "is empty")
    assert "is empty" in (convener.folder / "report.md").read_text()
