"""How columns of passwords keep them."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literal, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind

STRONG: Final = (
    r"\$(2[abxy]|argon2(i|d|id)|scrypt|5|6|7|y|gy|pbkdf2[^$]*|bcrypt-sha256)\$.+"
    r"|(pbkdf2|bcrypt|argon2|scrypt)[^$:]*[$:].+[$:].+|SCRAM-SHA-(256|512)\$.+"
    r"|\{(BLF-CRYPT|ARGON2\w*|PBKDF2[^}]*|SCRYPT|SHA(256|512)-CRYPT)\}.+"
)
"""bcrypt, Argon2, scrypt, sha-crypt, yescrypt, PBKDF2, SCRAM."""

WEAK: Final = (
    r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}"
    r"|[0-9a-fA-F]{128})([:$][^:$]{1,64})?"
    r"|[0-9a-fA-F]{32}:[0-9a-fA-F]{32}|\*[0-9A-F]{40}|md5[0-9a-f]{32}"
    r"|\$(1|apr1|md5|sha1)\$.+|(md5|sha1|sha256|sha512)\$[^$]*\$[0-9a-f]+"
    r"|\{(S?MD5|S?SHA(256|384|512)?|CRYPT|NT|LANMAN)\}.+"
)
"""MD5, NTLM, SHA-1, SHA-2 in one round, MySQL, LDAP, PostgreSQL's md5, md5-crypt: fast to guess."""

DES_CRYPT: Final = r"[./0-9A-Za-z]{13}"
"""What every value must look like for a column to hold DES hashes: some passwords do, too."""

HIDDEN: Final = (
    r"[*•x.#!-]+|[\[<(]*(redacted|masked|hidden|removed|locked|disabled)[\])>]*"
    r"|yes|no|y|n|true|false|set|unset|none"
)
"""What stands where a password was taken out, cannot be used, or is only said to exist."""

COMMON: Final = frozenset(
    """
    123456 123456789 12345678 12345 1234567 1234567890 1234 111111 123123 000000 654321 666666
    121212 112233 123321 password password1 password123 passw0rd p@ssw0rd passwort qwerty qwerty123
    qwertyuiop qwertz azerty 1q2w3e4r 1qaz2wsx abc123 abcd1234 iloveyou admin admin123 letmein
    welcome welcome1 monkey dragon sunshine princess football baseball superman batman shadow master
    michael jordan jennifer hunter trustno1 starwars login secret changeme test test123 guest root
    toor default hallo hallo123 schatz soleil doudou bonjour motdepasse contrasena hola
    """.split()  # noqa: SIM905 - a list of words
)
"""Passwords that are tried first; in lower case."""

MIN_COMMON: Final = 5
"""Different ones of them that tell a column of passwords, whatever it is called."""

MIN_COMMON_SHARE: Final = 0.2
"""The share that they are of all its different values."""


class PasswordColumn(Part):
    """How many rows of a password column are stored in which way; `common` ones are plain, too.

    `is_named` says that the column is called after them, else its values betray it.
    """

    name: str
    is_named: bool = True
    plain: int
    common: int = 0
    weak: int
    strong: int
    weak_form: str = WEAK


@tool(permission="read_data", timeout=120.0)
async def stored_passwords(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[PasswordColumn, ...]:
    """Tell of columns of passwords how many are plain, weakly hashed or strongly hashed."""
    found = []
    for column in data.table(table).columns:
        is_named = personal_kind(column.name) == "password"
        if column.name not in (columns or (column.name,)):
            continue
        if column.type != "VARCHAR" and not (is_named and column.type in _WHOLE_NUMBERS):
            continue
        value = f"trim(CAST({identifier(column.name)} AS VARCHAR))"
        view = identifier(table)
        common = f"lower({value}) IN ({literals(sorted(COMMON))})"
        if not is_named and not await _is_betrayed(data, view, value, common):
            continue
        ((present, weak, strong, crypt, guessed),) = await data.query(
            f"SELECT count(*), count(*) FILTER (regexp_full_match({value}, {literal(WEAK)})), "
            f"count(*) FILTER (regexp_full_match({value}, {literal(STRONG)})), "
            f"count(*) FILTER (regexp_full_match({value}, {literal(DES_CRYPT)})), "
            f"count(*) FILTER ({common}) "
            f"FROM {view} WHERE {present_condition(column.name)}"
        )
        is_crypt = crypt == present
        if present:
            found.append(
                PasswordColumn(
                    name=column.name,
                    is_named=is_named,
                    plain=0 if is_crypt else present - weak - strong,
                    common=guessed,
                    weak=crypt if is_crypt else weak,
                    strong=strong,
                    weak_form=DES_CRYPT if is_crypt else WEAK,
                )
            )
    return tuple(found)


def present_condition(column: str) -> str:
    """The SQL condition that a row of that column has a password in whatever form."""
    value = f"trim(CAST({identifier(column)} AS VARCHAR))"
    return (
        f"lower({value}) NOT IN ({literals(sorted(MISSING_CODES))}) "
        f"AND NOT regexp_full_match(lower({value}), {literal(HIDDEN)})"
    )


async def _is_betrayed(data: Datasets, view: str, value: str, common: str) -> bool:
    ((frequent,),) = await data.query(f"SELECT count(DISTINCT {value}) FROM {view} WHERE {common}")
    if frequent < MIN_COMMON:
        return False
    ((different,),) = await data.query(f"SELECT count(DISTINCT {value}) FROM {view}")
    return bool(frequent >= MIN_COMMON_SHARE * different)


_WHOLE_NUMBERS: Final = ("BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "SMALLINT", "TINYINT")
