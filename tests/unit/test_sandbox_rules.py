"""What a statement that a model wrote may say."""

import pytest

from agents.datasets.sandbox_rules import admit, columns_of
from agents.errors import QueryError

TABLES = ("data", "planes")

READING = [
    "select 1",
    "(select 1)",
    "from data select a",
    "select count(*) from DATA",
    "select a, count(*) filter (where b > 1) n from data group by all order by n desc limit 5",
    "with t as (select a, b from data) select * from t join reading.data r on r.column = t.a",
    "with t(x, y) as (select a, b from data) select x from t",
    "select * exclude (a) replace (b + 1 as b) from data",
    "select a::int, try_cast(b as double), cast(c as decimal(10, 2)) from data where c in (1, 2)",
    "select a from data where b like 'x%' and c between 1 and 2 and d is not null and not (e or f)",
    (
        "select date_trunc('month', t) m, sum(x) over (partition by g order by t rows between "
        "1 preceding and current row) from data qualify row_number() over (order by t) = 1"
    ),
    "select percentile_cont(0.5) within group (order by x), quantile_cont(x, 0.5) from data",
    "select case when a then (1) else (2) end from data where exists (select 1 from planes)",
    "select extract(year from t), interval 1 day, date '2020-01-01', current_date from data",
    "select a from data union all select b from planes except select c from data",
    "select i from range(10) r(i)",
    "select * from (values (1, 2)) t(a, b)",
    "select s[1:2], j ->> '$.a', regexp_matches(s, 'a'), {'a': 1} from data",
    "select distinct on (a) a, b from data tablesample 10%",
    "select columns('a.*') from data group by cube (a, b)",
    "select 'it''s; -- no comment' from data",
    'select "repeat(" from data',
    "select d.a from data d asof join planes p on d.t >= p.t",
    "select first_value(a ignore nulls) over () from data",
    "select * from layout.planes, lateral (select 1) l",
]

REFUSED = [
    ("", "exactly one|without comments"),
    ("   ", "exactly one|without comments"),
    ("select 1; drop table data", "exactly one"),
    ("select 1;", "exactly one"),
    ("select 1 -- and more", "without comments"),
    ("select /* */ 1", "without comments"),
    ("select 1 /* /* */ ; drop table data */", "without comments|cannot be understood"),
    ("drop table data", "Only a SELECT"),
    ("create table t as select 1", "Only a SELECT"),
    ("insert into data values (1)", "Only a SELECT"),
    ("insert into data select * from data", "Only a SELECT"),
    ("update data set a = 1", "Only a SELECT"),
    ("delete from data", "Only a SELECT"),
    ("merge into data using planes on true when matched then delete", "Only a SELECT"),
    ("truncate data", "Only a SELECT"),
    ("with x as (insert into data values (1) returning *) select * from x", "without INSERT"),
    ("with x as (delete from data returning *) select * from x", "without DELETE"),
    ("with x as (update data set a = 1 returning *) select * from x", "without UPDATE"),
    ("copy data to 'stolen.csv'", "Only a SELECT"),
    ("copy (select 1) to '/tmp/x'", "Only a SELECT"),
    ("attach ':memory:' as more", "Only a SELECT"),
    ("detach snapshot_0", "Only a SELECT"),
    ("use memory", "Only a SELECT"),
    ("install httpfs", "Only a SELECT|cannot be understood"),
    ("load httpfs", "Only a SELECT|cannot be understood"),
    ("set memory_limit = '100GB'", "Only a SELECT"),
    ("reset all", "Only a SELECT|cannot be understood"),
    ("pragma database_list", "Only a SELECT"),
    ("call pragma_version()", "Only a SELECT|not among|cannot be understood"),
    ("explain analyze select 1", "Only a SELECT"),
    ("describe data", "Only a SELECT"),
    ("summarize data", "Only a SELECT"),
    ("export database '/tmp/x'", "Only a SELECT|cannot be understood"),
    ("checkpoint", "Only a SELECT|cannot be understood"),
    ("vacuum", "Only a SELECT|cannot be understood"),
    ("begin", "Only a SELECT"),
    ("prepare p as select 1", "Only a SELECT|cannot be understood"),
    ("execute p", "Only a SELECT|cannot be understood"),
    ("create secret (type s3)", "Only a SELECT|not among|cannot be understood"),
    ("select * from '/etc/passwd'", "no table of this task"),
    ('select * from "/etc/passwd"', "no table of this task"),
    ("select * from 'https://example.org/x.csv'", "no table of this task"),
    ("select * from read_csv('/etc/passwd')", "read_csv"),
    ("select * from read_text('/etc/passwd')", "read_text"),
    ("select * from read_blob('/etc/passwd')", "read_blob"),
    ("select * from read_parquet('/x.parquet')", "read_parquet"),
    ("select * from read_json('/x.json')", "read_json"),
    ("select * from glob('/*')", "glob"),
    ("select * from sniff_csv('/etc/passwd')", "sniff_csv"),
    ("select * from parquet_metadata('/x')", "parquet_metadata"),
    ("select * from sqlite_scan('/x', 't')", "sqlite_scan"),
    ("select * from query('select 1')", "query"),
    ("select * from query_table('data')", "query_table"),
    ("select * from duckdb_settings()", "duckdb_settings"),
    ("select * from duckdb_databases", "no table of this task"),
    ("select * from sqlite_master", "no table of this task"),
    ("select * from information_schema.tables", "no table of this task"),
    ("select * from pg_catalog.pg_tables", "no table of this task"),
    ("select * from snapshot_0.data", "no table of this task"),
    ("select * from snapshot_0.meta.about", "no table of this task"),
    ("select * from memory.main.data", "no table of this task"),
    ("with duckdb_databases as (select 1) select * from duckdb_databases", "taken"),
    ("with recursive t as (select 1 n union all select n from t) select * from t", "recursive"),
    ("select repeat('x', 2000000000)", "repeat"),
    ("select \"repeat\"('x', 2000000000)", "repeat"),
    ("select main.repeat('x', 2000000000)", "repeat"),
    ("select 'x'.repeat(2000000000)", "repeat"),
    ("select REPEAT ('x', 2000000000) from data repeat(a)", "REPEAT"),
    ("select lpad('x', 2000000000, 'y')", "lpad"),
    ("select rpad('x', 2000000000, 'y')", "rpad"),
    ("select printf('%2000000000d', 1)", "printf"),
    ("select format('{:2000000000}', 1)", "format"),
    ("select sleep_ms(100000)", "sleep_ms"),
    ("select getenv('HOME')", "getenv"),
    ("select current_setting('home_directory')", "current_setting"),
    ("select getvariable('x')", "getvariable"),
    ("select nextval('s')", "nextval"),
    ("select write_log('x')", "write_log"),
    ("select list_transform([1], x -> x.repeat(9))", "list_transform|repeat"),
    ("select $1", "no parameters"),
    ("select ?", "no parameters"),
    ("select $$text$$", "no parameters|cannot be understood"),
    ("select 'a\0b'", "control characters"),
    ("select 'a\u202eb'", "control characters"),
    ("select * into t from data", "Only a SELECT"),
    ("select " + "(" * 5_000 + "1" + ")" * 2_000, "cannot be understood|longer"),
    ("select '" + "x" * 9_000 + "'", "longer than 8,000"),
    ("pivot data on a using sum(b)", "Only a SELECT"),
    ("selec 1", "Only a SELECT|cannot be understood"),
]


@pytest.mark.parametrize("sql", READING)
def test_a_select_over_the_tables_is_admitted(sql: str) -> None:
    admit(sql, TABLES)


@pytest.mark.parametrize(("sql", "said"), REFUSED)
def test_everything_else_is_refused_in_one_sentence(sql: str, said: str) -> None:
    with pytest.raises(QueryError, match=said) as caught:
        admit(sql, TABLES)
    assert "\n" not in str(caught.value)


def test_the_columns_that_a_statement_mentions_are_known() -> None:
    assert set(columns_of('select "A b", upper(c) from data where d')) == {"A b", "c", "d"}
    assert "*" in set(columns_of("select x from (select * from data) t(x)"))
    assert set(columns_of("select count(*) from data")) == set()
