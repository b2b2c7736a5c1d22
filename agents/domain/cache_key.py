"""`cache_key`: one name for all that can change an answer.

*Guarantees*: equal parts give the same key in every process; parts that differ in value, type,
order or number give different ones. The order of an object's names does not matter.

*Source*: RFC 8785, canonical JSON, of which numbers are kept apart by type.
"""

import json
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from agents.errors import AgentUsageError

_VERSION: Final = "convener answer 1"


def cache_key(kind: str, *parts: JsonValue) -> str:
    """64 hexadecimal digits that stand for `kind` and `parts`.

    Raises:
        AgentUsageError: a part is no JSON: NaN, a name that is no string, another type.

    Example:
        >>> cache_key("tool", "profile", {"table": "flights"})[:8]
        'eef80eea'
        >>> cache_key("tool", "a", "bc") == cache_key("tool", "ab", "c")
        False
    """
    try:
        _check_names(list(parts))
        text = json.dumps(
            [_VERSION, kind, *parts], sort_keys=True, allow_nan=False, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentUsageError(
            f"No key of the response cache can be made of this ({error}): give it JSON."
        ) from error
    return sha256(text.encode()).hexdigest()


def dataset_tag(version: str) -> str:
    """What marks answers about a dataset at that version."""
    return f"dataset:{version}"


def request_tag(request_id: str) -> str:
    """What marks answers that were made for a request, in its words."""
    return f"request:{request_id}"


def _check_names(part: JsonValue) -> None:
    # The encoder would make 1 and "1" the same name.
    if isinstance(part, dict):
        for name, value in part.items():
            if not isinstance(name, str):
                raise TypeError(f"the name {name!r} is no string")
            _check_names(value)
    elif isinstance(part, list):
        for value in part:
            _check_names(value)
