"""C2: keys of the response cache are equal exactly when everything that went into them is."""

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from agents.caching.response_cache import cache_key
from agents.errors import AgentUsageError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "a", "b", "ab", ",", '"', "1", "null", 0, 1, 0.0, -0.0, 1.0, True])
)
PARTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def described(part: JsonValue) -> object:
    """`part` with the type of everything in it, so that equality is strict."""
    match part:
        case dict():
            return {name: described(value) for name, value in part.items()}
        case list():
            return [described(value) for value in part]
        case _:
            return (type(part).__name__, repr(part))


@given(st.text(max_size=3), st.lists(PARTS, max_size=4), st.text(max_size=3), st.lists(PARTS))
def test_c2_keys_are_equal_exactly_when_all_parts_are(
    kind: str, parts: list[JsonValue], other_kind: str, others: list[JsonValue]
) -> None:
    is_same = kind == other_kind and described(parts) == described(others)
    assert (cache_key(kind, *parts) == cache_key(other_kind, *others)) is is_same


@given(st.text(max_size=3), st.lists(PARTS, max_size=4))
def test_c2_the_same_parts_give_the_same_key(kind: str, parts: list[JsonValue]) -> None:
    copies = json.loads(json.dumps(parts))
    assert cache_key(kind, *parts) == cache_key(kind, *copies)


@given(st.dictionaries(st.text(max_size=3), PARTS, min_size=2), st.randoms())
def test_c2_the_order_of_names_does_not_matter(part: dict[str, JsonValue], random) -> None:
    names = list(part)
    random.shuffle(names)
    assert cache_key("kind", part) == cache_key("kind", {name: part[name] for name in names})


@given(st.text(min_size=1, max_size=12), st.data())
def test_c2_the_same_text_cut_elsewhere_gives_another_key(text: str, data) -> None:
    cuts = st.lists(st.integers(0, len(text)), max_size=4).map(sorted).map(tuple)
    one, other = data.draw(cuts), data.draw(cuts)
    keys = [cache_key("kind", *_cut(text, at)) for at in (one, other)]
    assert (keys[0] == keys[1]) is (_cut(text, one) == _cut(text, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        ((1,), ("1",)),
        ((1,), (1.0,)),
        ((1,), (True,)),
        ((0,), (False,)),
        ((None,), ("null",)),
        ((None,), ()),
        (([],), ({},)),
        (([1, 2],), (1, 2)),
        ((["a", "b"],), (["b", "a"],)),
        (({"a": None},), ({},)),
        (("é",), ("e\N{COMBINING ACUTE ACCENT}",)),
        (('a","b',), ("a", "b")),
        (("\ud800",), ("\\ud800",)),
    ],
)
def test_c2_what_is_easily_confused_is_not(
    one: tuple[JsonValue, ...], other: tuple[JsonValue, ...]
) -> None:
    assert cache_key("kind", *one) != cache_key("kind", *other)


@pytest.mark.parametrize(
    "part", [float("nan"), float("inf"), {1: "a"}, [{"a": {None: 1}}], object(), {1, 2}, b"a"]
)
def test_c2_what_is_no_json_has_no_key(part: object) -> None:
    with pytest.raises(AgentUsageError, match="JSON"):
        cache_key("kind", part)


def _cut(text: str, at: Sequence[int]) -> list[str]:
    edges = [0, *at, len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]
