"""A document that does not fit: what gives way first, and that it says so."""

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.fitting import MOST, Block, fitted


def told(shortened: int, left_out: int) -> str:
    return f"{shortened} short, {left_out} out"


def units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="replace")) // 2


def test_what_fits_is_left_alone() -> None:
    blocks = [Block(text="# A"), Block(text="b", shorter=("",)), Block(text="c")]
    assert fitted(blocks, told) == "# A\n\nb\n\nc\n"


def test_the_last_that_can_be_shortened_gives_way_first() -> None:
    blocks = [
        Block(text="# A"),
        Block(text="1" * 100, shorter=("one", "")),
        Block(text="2" * 100, shorter=("two", "")),
        Block(text="3"),
    ]
    assert fitted(blocks, told, most=150) == f"# A\n\n1 short, 0 out\n\n{'1' * 100}\n\ntwo\n\n3\n"


def test_all_are_shortened_before_one_is_left_out() -> None:
    blocks = [Block(text="# A"), *(Block(text="x" * 100, shorter=("x" * 10, "")),) * 3]
    short = "x" * 10
    assert (
        fitted(blocks, told, most=60) == f"# A\n\n3 short, 0 out\n\n{short}\n\n{short}\n\n{short}\n"
    )
    assert fitted(blocks, told, most=50) == f"# A\n\n2 short, 1 out\n\n{short}\n\n{short}\n"


def test_in_the_end_the_end_is_left_out() -> None:
    blocks = [Block(text="# A"), Block(text="b" * 20), Block(text="c" * 20)]
    assert fitted(blocks, told, most=48) == f"# A\n\n0 short, 1 out\n\n{'b' * 20}\n"


def test_a_character_beyond_the_basic_plane_counts_twice() -> None:
    text = "\U0001f600" * (MOST // 2)
    assert fitted([Block(text="# A"), Block(text=text)], told) == "# A\n\n0 short, 1 out\n"


@pytest.mark.parametrize("most", [0, 1])
def test_the_first_block_and_the_sentence_are_always_there(most: int) -> None:
    assert (
        fitted([Block(text="# A"), Block(text="b")], told, most=most) == "# A\n\n0 short, 1 out\n"
    )


@given(
    st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=20),
    st.integers(60, 2_000),
)
def test_it_is_never_too_long_and_says_what_is_not_whole(
    sizes: list[tuple[int, bool]], most: int
) -> None:
    blocks = [
        Block(text="# A"),
        *(
            Block(text=letter * size, shorter=(letter * (size // 2), "") if can_shrink else ())
            for letter, (size, can_shrink) in zip(ascii_lowercase, sizes, strict=False)
        ),
    ]
    text = fitted(blocks, told, most=most)
    assert units(text) <= most
    assert ("short" in text) is any(f"\n{block.text}\n" not in text for block in blocks[1:])
