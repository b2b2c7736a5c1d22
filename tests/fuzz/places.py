"""Locations and files as a request or a folder may hold them, and settings as people write them."""

import asyncio
import gzip
import json
import os
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from agents.datasets.duckdb import DuckdbCatalog
from agents.datasets.location import is_url, split_table, with_table, without_password
from agents.datasets.sources import find, locate
from agents.domain.request import DatasetReference
from agents.errors import AgentUsageError, DatasetError
from agents.settings import FILE, load_settings
from tests.fuzz.target import Target, scratch_folder

SECRET = "s3cret"
BOUND = 20.0
"""Seconds that reading a small file may take."""


@cache
def site() -> Path:
    """A root with files and links in it, and beside it what must not be reached."""
    folder = scratch_folder().resolve()
    root, beside = folder / "root", folder / "root-beside"
    for each in (root, root / "sub", beside):
        each.mkdir()
    for file in (root / "a.csv", root / "sub" / "b.csv", beside / "c.csv"):
        file.write_text("a,b\n1,2\n")
    (root / "link").symlink_to(beside)
    (root / "out.csv").symlink_to(beside / "c.csv")
    (root / "loop").symlink_to(root / "loop")
    return folder


parts = st.sampled_from(
    [
        *("root", "root-beside", "a.csv", "sub", "b.csv", "c.csv", "link", "out.csv", "loop"),
        *("..", ".", "", "/", "//", "\\", "%2e%2e", "~", "\0", "\ud800", "x" * 300, "::t", "::"),
        *("file:", "postgresql://u:s3cret@h/d", "?password=s3cret", "?table=", "&", "@", ":", "#"),
        *("rabbitmq://u:s3cret@h", "prometheus+http://u:s3cret@h", "\u202e", "\n", "*", "**", "[a"),
    ]
)
locations = st.lists(parts, max_size=7).flatmap(
    lambda words: st.sampled_from(["/".join(words), "".join(words), f"root/{'/'.join(words)}"])
) | st.text(max_size=40)


def look_up(location: str) -> None:
    root = site() / "root"
    base, table = split_table(location)
    if table and is_url(location):
        assert split_table(with_table(base, table))[1] == table
    if is_url(location) and f":{SECRET}@" in location.partition("://")[2].split("/")[0]:
        shown, _ = without_password(location)
        assert f":{SECRET}@" not in shown.split("/")[2]
    try:
        path = locate(base, roots={"root": root}, allow_absolute=False)
        assert path.is_relative_to(root)
        assert path == Path(os.path.realpath(path))
        source = find(path, table)
        assert all(file.resolve().is_relative_to(root) for file in source.files)
    except DatasetError as error:
        assert str(error)


cells = st.sampled_from(
    [
        *("a", "1", "1.5", "", "NULL", "2026-01-01", '"', '""', "'", "\n", "\r", ",", ";", "\t"),
        *("\0", "\x1b[31m", "\u202e", "\ufeff", "é", "\\", "{", "}", "[", "]", ":", "=1+1"),
        *("9" * 400, "1e400", "NaN", "inf", '{"a":1}', "[[", "true", "-", "x" * 5_000),
    ]
)
texts = st.lists(cells, max_size=40).map(lambda words: "".join(words).encode())
tables = st.lists(
    st.lists(cells, min_size=2, max_size=4).map(",".join), min_size=2, max_size=12
).map(lambda rows: "\n".join(rows).encode())
lines = st.lists(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=6,
    ).map(json.dumps),
    max_size=6,
).map(lambda rows: "\n".join(rows).encode("utf-8", "surrogatepass"))
heads = st.sampled_from([b"", b"PAR1", b"SQLite format 3\0", b"\xff\xfe", b"\xef\xbb\xbf", b"BZh9"])
contents = st.tuples(
    st.sampled_from([".csv", ".json", ".jsonl", ".tsv", ".csv.gz", ".parquet", ".db", ".txt"]),
    st.builds(
        lambda head, body, is_packed: head + (gzip.compress(body) if is_packed else body),
        heads,
        texts | tables | lines | st.binary(max_size=300),
        st.booleans(),
    ),
)


def read_file(content: tuple[str, bytes]) -> None:
    """What is in the file becomes a table, or one sentence."""
    suffix, body = content
    file = site() / f"it{suffix}"
    file.write_bytes(body)

    async def pinned() -> None:
        async with (
            asyncio.timeout(BOUND),
            DuckdbCatalog(roots={}, cache=site() / "cache", allow_absolute=True) as catalog,
        ):
            datasets = await catalog.pin([DatasetReference(location=str(file))])
            assert all(each.rows > 0 and each.columns for each in datasets)

    try:
        asyncio.run(pinned())
    except DatasetError as error:
        assert str(error)
    finally:
        file.unlink()


keys = st.sampled_from(
    [
        *("bus", "data", "redis", "cache", "model", "base_url", "prompts", "prices", "authority"),
        *("audit_heads", "services", "issuers", "roles", "agents", "datasets", "audience", "x"),
    ]
)
values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["", "~", "~nobody/x", "openai:m", "sqlite:///x", "amqp://h", "\0", "a/b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)


def as_toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case str():
            return json.dumps(value).replace("\\ud", "\\\\ud").replace("\x7f", "")
        case list():
            return f"[{', '.join(map(as_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {as_toml(inner)}' for key, inner in value.items())}}}"
    return str(value)


settings_files = (
    st.dictionaries(keys, values, max_size=5).map(
        lambda table: "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())
    )
    | st.text(max_size=60)
).map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=60)


def read_settings(written: bytes) -> None:
    (site() / FILE).write_bytes(written)
    try:
        settings = load_settings(environment={}, folder=site())
        assert repr(settings)
    except AgentUsageError as error:
        assert str(error)


TARGETS = {
    "locations": Target(locations, look_up, 300),
    "files": Target(contents, read_file, 60),
    "settings": Target(settings_files, read_settings, 200),
}
