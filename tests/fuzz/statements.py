"""Statements as a model might write them, held against what DuckDB's own parser makes of them."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
from hypothesis import strategies as st

from agents.datasets.sandbox_rules import _FUNCTIONS, SCHEMAS, admit
from agents.errors import QueryError
from tests.fuzz.target import Target

TABLES = ("data", "planes")
ROW_MAKERS = frozenset({"range", "generate_series", "unnest"})
"""Functions that stand where a table does."""

FORBIDDEN = (
    *("read_text('/etc/passwd')", "read_csv('x')", "read_blob('x')", "glob('/*')"),
    *("getenv('HOME')", "repeat('x', 9)", "query('select 1')", "sqlite_scan('x', 't')"),
    *("current_setting('threads')", "nextval('s')", "printf('%d', 1)", "duckdb_settings()"),
)
TABLE_LIKE = (
    *(
        "'/etc/passwd'",
        '"/etc/passwd"',
        "'http://127.0.0.1/x.csv'",
        "sqlite_master",
        "duckdb_views",
    ),
    *("information_schema.tables", "pg_catalog.pg_class", "snapshot_0.data", "memory.main.data"),
)
SKELETONS = (
    "select {} from data",
    "select a from data where b = {}",
    "select a, ({}) from data group by {}",
    "with t as (select {} as x) select * from t",
    "select case when {} then 1 end from data",
    "select * from data d join (select {} as y) e on d.a = e.y",
    "select a from data order by {}",
    "select list_max([{}])",
    "select coalesce(a, {}) from data union all select 1",
    "select sum({}) over (partition by a) from data qualify {} = 1",
    "select {{'k': {}}} from data",
    "from data select {}",
    "select distinct on ({}) a from data",
    "select a from data limit {}",
    "select a from data tablesample {}",
    "select a[{}] from data",
    "select interval ({}) day from data",
    "select columns(c -> {}) from data",
)
IN_FROM = (
    "select * from {}",
    "select * from data, {}",
    "select * from data join {} on true",
    "select (select 1 from {}) from data",
    "with t as (from {}) select * from t",
    "select 1 union select 1 from {}",
    "from {}",
    "select * from data, lateral (select * from {}) l",
    "select exists(from {})",
    "select * from (({}))",
    "select * from data positional join {}",
)
BESIDE = ("; {}", "{} ; select 1", "explain {}", "({}) ; drop table data", "copy ({}) to 'x'")
SPACES = st.sampled_from([" ", "\n", "\t", "  ", "/**/ ", "\u00a0", "\r\n"])
PIECES = (
    *("select", "from", "data", "planes", "a", "b", "where", "(", ")", ",", "*", "1", "'x'", "::"),
    *("with", "t", "as", "union", "all", "join", "on", "=", "group by", "order by", "limit", "."),
    *("count", "sum", "range(", "unnest(", "read_text(", "query(", "'", '"', "$$", "--", "/*", ";"),
    *(
        "columns(",
        "exclude",
        "replace",
        "pivot",
        "unpivot",
        "into",
        "for update",
        "values",
        "[",
        "]",
    ),
    *(
        "->",
        "->>",
        "lambda x:",
        ":",
        "->",
        "using sample",
        "qualify",
        "over",
        "filter",
        "try_cast(",
    ),
)


@st.composite
def disguised(draw: st.DrawFn, written: str) -> str:
    """The same call or name in another case, with room in it, quoted or with its schema."""
    name, bracket, rest = written.partition("(")
    if bracket:
        name = draw(
            st.sampled_from([name, name.upper(), name.title(), f'"{name}"', f"main.{name}"])
        )
        return f"{name}{draw(st.sampled_from(['', ' ', chr(10)]))}({rest}"
    return draw(st.sampled_from([written, written.upper() if written[0] not in "'\"" else written]))


@st.composite
def forbidden(draw: st.DrawFn) -> str:
    """A statement that holds what must not pass, wherever it can stand."""
    if draw(st.booleans()):
        what = draw(st.sampled_from(FORBIDDEN + TABLE_LIKE).flatmap(disguised))
        statement = draw(st.sampled_from(IN_FROM)).replace("{}", what)
    else:
        what = draw(st.sampled_from(FORBIDDEN).flatmap(disguised))
        statement = draw(st.sampled_from(SKELETONS)).replace("{}", what)
        statement = statement.replace("{{", "{").replace("}}", "}")
    if draw(st.booleans()):
        statement = draw(st.sampled_from(BESIDE)).replace("{}", statement)
    return statement.replace(" ", draw(SPACES))


def refuse(statement: str) -> None:
    try:
        admit(statement, TABLES)
    except QueryError as error:
        assert "\n" not in str(error)
    else:
        raise AssertionError(statement)


anything = (
    st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)
    | st.text(max_size=60)
    | st.builds(
        lambda skeleton, pieces: skeleton.replace("{}", " ".join(pieces)),
        st.sampled_from(SKELETONS + IN_FROM),
        st.lists(st.sampled_from(PIECES), max_size=5),
    )
)


def compare(statement: str) -> None:
    """What passes is for DuckDB too one SELECT that names these tables and functions only."""
    try:
        admit(statement, TABLES)
    except QueryError as error:
        assert "\n" not in str(error)
        return
    with duckdb.connect(":memory:") as engine:
        try:
            statements = engine.extract_statements(statement)
        except duckdb.Error:
            return  # the engine will not run it either
        assert len(statements) == 1
        assert statements[0].type is duckdb.StatementType.SELECT
        ((text,),) = engine.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        return
    own = set(cte_names(tree))
    for node in nodes(tree):
        match node:
            case {"type": "BASE_TABLE", "table_name": table, "schema_name": schema}:
                known = table.lower() in TABLES and schema.lower() in ("", *SCHEMAS)
                assert known or (table.lower() in own and not schema), statement
            case {"type": "TABLE_FUNCTION", "function": {"function_name": name}}:
                assert name.lower() in ROW_MAKERS, statement
            case {"class": "FUNCTION", "function_name": name, "is_operator": False}:
                word = name.lower()
                is_known = word in _FUNCTIONS or word in BY_SYNTAX or not word[:1].isalpha()
                assert is_known, (word, statement)


_MADE = """
    struct_pack list_value row array_extract array_slice list_transform struct_extract epoch_us
    to_days to_years to_months to_hours to_minutes to_seconds to_weeks to_quarters to_decades
    to_centuries to_millennia to_milliseconds to_microseconds count_star like_escape list_filter
    not_like_escape ilike_escape not_ilike_escape list_zip map unpivot_list array_value
"""
BY_SYNTAX = frozenset(_MADE.split())
"""Functions that DuckDB itself makes of operators, brackets and words."""


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def cte_names(tree: Any) -> Iterator[str]:
    for node in nodes(tree):
        if isinstance(made := node.get("cte_map"), dict):
            yield from (each["key"].lower() for each in made["map"])


TARGETS = {
    "forbidden statements": Target(forbidden(), refuse, 250),
    "any statement": Target(anything, compare, 250),
}
