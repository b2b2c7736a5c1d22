"""Masking what is recorded: nothing secret survives, the shape does, and once is enough."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from agents.tools.masking import without_personal
from agents.tools.record_masking import masked_record

FIELDS = ("name", "column", "columns", "rows", "value", "top", "example", "email", "password", "n")
SECRETS = (
    "ann.lee@example.org",
    "4111 1111 1111 1111",
    "4111111111111111",
    "DE89 3704 0044 0532 0130 00",
    "GB29NWBK60161331926819",
    "+49 30 901820",
    "(212) 555-0187",
    "078-05-1120",
    "12345678Z",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "postgres://app:s3cret@db.example.org/main",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
)

texts = st.text(st.sampled_from("0123456789 -./()+@aAfFxXeE:_*,;=") | st.characters(), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda kept: (
        st.lists(kept, max_size=4)
        | st.dictionaries(texts | st.sampled_from(FIELDS), kept, max_size=4)
    ),
    max_leaves=20,
)
words = st.text(st.characters(categories=["Ll"]), max_size=8)


def shape(value: JsonValue) -> Any:
    match value:
        case list():
            return [shape(each) for each in value]
        case dict():
            return [shape(each) for each in value.values()]
        case _:
            return type(value)


@given(values)
def test_masking_what_is_masked_changes_nothing(value: JsonValue) -> None:
    once = masked_record(value)
    assert masked_record(once) == once


@given(values)
def test_the_shape_and_the_types_stay(value: JsonValue) -> None:
    assert shape(masked_record(value)) == shape(value)


@given(texts)
def test_a_text_never_grows_past_twice_its_length(text: str) -> None:
    assert len(without_personal(text)) <= 2 * len(text)


@given(words, st.sampled_from(SECRETS), words)
def test_no_secret_survives_wherever_it_stands(before: str, secret: str, after: str) -> None:
    told: JsonValue = {"notes": [f"{before} {secret} {after}"], secret: 1, "deep": {"n": [secret]}}
    shown = json.dumps(masked_record(told), ensure_ascii=False)
    assert secret not in shown
    assert max(secret.split(), key=len) not in shown
    assert len(secret) < 8 or secret[4:12] not in shown


@given(st.text(min_size=9), st.sampled_from(["surname", "Prénom", "password", "customer_phone"]))
def test_of_a_personal_column_only_the_first_character_is_kept(value: str, column: str) -> None:
    cell = "value " + value
    for told in (
        {"name": column, "top": [{"value": cell, "rows": 3}]},
        {"column": column, "example": cell},
        {column: cell},
        {"columns": ["id", column], "rows": [[1, cell]]},
    ):
        assert value not in json.dumps(masked_record(told), ensure_ascii=False)


@pytest.mark.parametrize(
    "kept",
    [
        "2024-01-31",
        "2024-01-31T10:30:00.123456Z",
        "6f0c4f0e-6a58-5b1d-9f5c-3a1c1f7a9d10",
        "00000010-0000-4000-8000-000000000010",
        "ed672de0123456789abcdef0123456789abcdef0",
        "0.123456789",
        "N14228",
        "postgresql://ann@db.example.org/shop?table=orders",
        "SELECT count(*) FROM data WHERE x > 100000",
        "1,234,567 rows",
    ],
)
def test_what_is_neither_personal_nor_secret_is_recorded_as_it_is(kept: str) -> None:
    assert masked_record([kept]) == [kept]


def test_numbers_keep_their_magnitude() -> None:
    told: JsonValue = {"rows": 336_776, "share": 0.25, "name": "phone", "maximum": 2053258100.0}
    assert masked_record(told) == {**told, "maximum": 2000000000.0}
    assert masked_record([4111111111111111, 4111111111111112]) == [
        4000000000000000,
        4111111111111112,
    ]


def test_a_profile_of_forty_columns_takes_a_few_milliseconds() -> None:
    column: JsonValue = {
        "name": "destination",
        "type": "VARCHAR",
        "top": [{"value": f"a place of some length {n}", "rows": n} for n in range(8)],
        "quantiles": [0.1234567] * 7,
    }
    profile: JsonValue = {"table": "data", "columns": [column] * 40}
    masked_record(profile)
    spent = []
    for _ in range(5):
        begun = time.process_time()
        masked_record(profile)
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.01
