"""What a statement that a model wrote may say: one SELECT over the task's tables.

*Guarantees*: what passes is a single statement that reads; every table it names is one of the
task's or its own, and every function one of those listed here. All else is refused in one sentence
that says what to change.

*Not here*: how much such a statement may cost, which only running it under limits can bound
(`sandbox.py`).

*Source*: OWASP, "SQL Injection Prevention Cheat Sheet", allow-list input validation.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlglot import Token, TokenType, exp, parse
from sqlglot.dialects import DuckDB
from sqlglot.errors import SqlglotError

from agents.errors import QueryError

MAX_LENGTH: Final = 8_000
"""Characters of a statement."""

SCHEMAS: Final = frozenset({"reading", "layout"})
"""What belongs to a table besides its rows: `reading.data`, `layout.data`."""

_FUNCTION_NAMES: Final = """
    abs acos any_value approx_count_distinct arbitrary arg_max arg_min array_agg asin atan atan2
    avg bool_and bool_or cbrt ceil ceiling coalesce concat concat_ws contains corr cos count
    count_if covar_pop covar_samp cume_dist date_add date_diff date_part date_sub date_trunc
    datediff datepart datetrunc day dayname dayofmonth dayofweek dayofyear decade degrees
    dense_rank ends_with entropy epoch epoch_ms even exp extract favg first first_value floor
    fsum greatest grouping hour if ifnull isfinite isinf isnan isodow isoyear iqr jaccard
    jaro_winkler_similarity json_array_length json_extract json_extract_string json_keys
    json_type json_valid kurtosis lag last last_day last_value lcase lead least left len length
    levenshtein list list_contains list_count list_distinct list_max list_min list_sort list_sum
    list_unique ln log log10 log2 lower ltrim mad make_date make_timestamp max max_by md5 mean
    median microsecond millisecond min min_by minute mod mode month monthname nth_value ntile
    nullif percent_rank percentile_cont percentile_disc position pow power product quantile
    quantile_cont quantile_disc quarter radians rank regexp_extract regexp_full_match regexp_matches
    regexp_replace regr_intercept regr_r2 regr_slope replace reverse right round row_number
    rtrim second sem sign sin skewness split_part sqrt starts_with stddev stddev_pop stddev_samp
    str_split string_agg string_split strftime strip_accents strlen strpos strptime substr
    substring sum tan time_bucket trim trunc try_strptime typeof ucase unnest upper var_pop
    var_samp variance week weekday weekofyear year yearweek generate_series range
"""
_FUNCTIONS: Final = frozenset(_FUNCTION_NAMES.split())
"""By the name that is written; the last two make rows, and only the limits bound how many."""

_OTHER_WORDS: Final = """
    all and any as between by case cast columns cube decimal distinct else end except exclude
    exists filter from group grouping having ilike in intersect interval is join like limit
    lateral materialized not numeric offset on or order over partition qualify replace rollup
    sample select sets similar some struct then to try_cast union using values varchar when
    where window with within
"""
_NO_FUNCTION_WORDS: Final = frozenset(_OTHER_WORDS.split())
"""Words that a bracket may follow."""

_ROOTS: Final = (exp.Select, exp.SetOperation)

_READING: Final = (
    exp.Query,
    exp.Condition,
    exp.Identifier,
    exp.Table,
    exp.TableAlias,
    exp.CTE,
    exp.With,
    exp.From,
    exp.Join,
    exp.Where,
    exp.Group,
    exp.Having,
    exp.Qualify,
    exp.Order,
    exp.Ordered,
    exp.Limit,
    exp.Offset,
    exp.Fetch,
    exp.Distinct,
    exp.Star,
    exp.Alias,
    exp.Aliases,
    exp.Tuple,
    exp.Values,
    exp.Lateral,
    exp.Unnest,
    exp.Interval,
    exp.Var,
    exp.DataType,
    exp.DataTypeParam,
    exp.Window,
    exp.WindowSpec,
    exp.Filter,
    exp.WithinGroup,
    exp.IgnoreNulls,
    exp.RespectNulls,
    exp.Escape,
    exp.Slice,
    exp.Cube,
    exp.Rollup,
    exp.GroupingSets,
    exp.TableSample,
    exp.HavingMax,
    exp.IntervalSpan,
    exp.Lambda,
    exp.PropertyEQ,
    exp.JSONPath,
    exp.JSONPathPart,
    exp.Kwarg,
    exp.Func,
)
"""Nodes of a statement that reads; an INSERT within a WITH is none of them."""

_TEXTS: Final = frozenset({TokenType.STRING, TokenType.NUMBER})
_BEGINNINGS: Final = frozenset(
    {TokenType.SELECT, TokenType.FROM, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES}
)
_BEFORE_ALIASES: Final = frozenset(
    {TokenType.R_PAREN, TokenType.VAR, TokenType.IDENTIFIER, TokenType.ALIAS, TokenType.WITH}
)
"""What stands before the name of a table, and never before the name of a function."""

_OWN_SCHEMAS: Final = ("duckdb_", "pg_", "sqlite_", "pragma_", "information_schema")
"""Beginnings of names that the engine gives to what it knows of itself."""


def admit(sql: str, tables: Collection[str]) -> None:
    """Let `sql` pass if it does no more than read `tables`, whatever the case of their letters.

    Raises:
        QueryError: it does not pass.
    """
    if len(sql) > MAX_LENGTH:
        raise QueryError(f"The statement is longer than {MAX_LENGTH:,} characters: shorten it.")
    if any(not character.isprintable() and character not in "\n\t\r" for character in sql):
        raise QueryError("The statement holds control characters: write plain SQL.")
    try:
        tokens = DuckDB().tokenize(sql)
        if tokens and tokens[0].token_type not in _BEGINNINGS:
            raise QueryError("Only a SELECT can be carried out here.")
        trees = parse(sql, read="duckdb")
    except (SqlglotError, RecursionError) as error:
        reason = " ".join(str(error).split(".")[0].split())
        raise QueryError(f"The statement cannot be understood: {reason}.") from error
    _check_words(sql, tokens, {alias.name.casefold() for alias in _aliases(trees)})
    if len(trees) != 1 or trees[0] is None:
        raise QueryError("Write exactly one SELECT, without a semicolon.")
    _check_tree(trees[0], {table.casefold() for table in tables})


def _aliases(trees: Sequence[exp.Expr | None]) -> Iterator[exp.TableAlias]:
    """The names of tables that are followed by names for their columns, as in `t(a, b)`."""
    for tree in trees:
        if tree is not None:
            yield from (alias for alias in tree.find_all(exp.TableAlias) if alias.columns)


def _check_words(sql: str, tokens: Sequence[Token], aliases: Collection[str]) -> None:
    if any(token.comments for token in tokens) or not tokens:
        raise QueryError("Write the statement without comments.")
    before: TokenType | None = None
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        previous, before = before, token.token_type
        kind = token.token_type
        if kind is TokenType.SEMICOLON:
            raise QueryError("Write exactly one SELECT, without a semicolon.")
        if kind in (TokenType.PARAMETER, TokenType.PLACEHOLDER) or "$" in sql[token.start]:
            raise QueryError("Write values into the statement: it has no parameters.")
        if kind in _TEXTS or following is None or following.token_type is not TokenType.L_PAREN:
            continue
        word = token.text.casefold()
        is_word = kind is TokenType.IDENTIFIER or word[:1].isalpha() or word[:1] == "_"
        is_known = (
            word in _FUNCTIONS
            or (kind is not TokenType.IDENTIFIER and word in _NO_FUNCTION_WORDS)
            or (word in aliases and previous in _BEFORE_ALIASES)
        )
        if is_word and not is_known:
            raise QueryError(f"The function {token.text} is not among those that may be used here.")


def _check_tree(tree: exp.Expr, tables: set[str]) -> None:
    if not isinstance(tree.unnest(), _ROOTS):
        raise QueryError("Only a SELECT can be carried out here.")
    own = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
    if any(name.startswith(_OWN_SCHEMAS) for name in own):
        raise QueryError("A table of the statement's own has a name that is taken: rename it.")
    for node in tree.walk():
        if not isinstance(node, _READING):
            what = type(node).__name__.upper()
            raise QueryError(f"Only a SELECT that reads can be carried out here, without {what}.")
        if isinstance(node, exp.With) and node.args.get("recursive"):
            raise QueryError("A recursive WITH is not carried out here.")
        if isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
            raise QueryError("Only a SELECT that reads can be carried out here.")
        if isinstance(node, exp.Table):
            _check_table(node, tables, own)


def _check_table(table: exp.Table, tables: set[str], own: set[str]) -> None:
    if not isinstance(table.this, exp.Identifier):
        if isinstance(table.this, (exp.GenerateSeries, exp.Unnest, exp.Explode)):
            return
        raise QueryError(f"{table.sql('duckdb')} is no table of this task.")
    name, schema = table.name.casefold(), table.db.casefold()
    is_known = name in tables and (not schema or schema in SCHEMAS)
    if table.catalog or not (is_known or (name in own and not schema)):
        known = ", ".join(sorted(tables))
        raise QueryError(f"{table.sql('duckdb')} is no table of this task, which has: {known}.")


def columns_of(sql: str) -> Iterator[str]:
    """The names of all columns that an admitted statement mentions; `*` for all of a table."""
    for node in parse(sql, read="duckdb")[0].walk():  # type: ignore[union-attr]
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
            yield node.name
        elif isinstance(node, (exp.Star, exp.Columns)) and not isinstance(node.parent, exp.Count):
            yield "*"
