"""What people write where a value is missing."""

from typing import Final

CLEAR_CODES: Final = frozenset(
    {
        "",
        "?",
        "??",
        "???",
        "#n/a",
        "#na",
        "#null!",
        "#value!",
        "#ref!",
        "#div/0!",
        "n/a",
        "n.a.",
        "<na>",
        "nan",
        "null",
        "(null)",
        "[null]",
        "<null>",
        r"\n",
        "nil",
        "nonetype",
    }
)
"""They mean nothing else, in any column; compared trimmed and in lower case."""

AMBIGUOUS_CODES: Final = frozenset(
    {
        "na",
        "-",
        "--",
        "---",
        ".",
        "..",
        "missing",
        "unknown",
        "unk",
        "undefined",
        "not available",
        "not provided",
        "not specified",
        "no data",
        "empty",
        "tbd",
        "tba",
        "k.a.",
        "k. a.",
        "keine angabe",
        "unbekannt",
        "n.d.",
        "n/d",
        "nd",
        "s/d",
        "desconocido",
        "sin datos",
        "inconnu",
        "non renseigné",
        "sconosciuto",
        "onbekend",
        "n.b.",
    }
)
"""They may be values of their own in a text column, never in one of numbers or dates. People write
them in English, German, French, Spanish, Italian or Dutch."""

MISSING_CODES: Final = CLEAR_CODES | AMBIGUOUS_CODES

MISSING_NUMBER_CODES: Final = MISSING_CODES | {"none", "not applicable"}
"""Of a column of numbers or dates; in a text column these mostly say something."""
