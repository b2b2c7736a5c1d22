"""Spreads beside findings: who has how much of a whole, and what stands apart on a scale."""

from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from agents.domain.finding import MAX_PLACES, Evidence, Finding, Place, Spread
from agents.domain.series.spread import scale, shares
from agents.reports.charts import holders, scale_of, spread_said
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from tests.support.examination import findings_of
from tests.support.small_tables import found_in, of, write


def spread_of(finding: Finding) -> Spread:
    (spread,) = [each.spread for each in finding.evidence if each.spread is not None]
    return spread


def said(spread: Spread) -> list[tuple[str, float, bool]]:
    return [(each.label, each.value, each.is_apart) for each in spread.places]


async def test_an_impossible_value_stands_apart_from_all_others(tmp_path: Path) -> None:
    content = [[number, number % 40 + 0.5] for number in range(400)]
    content[7][1] = 9_000.5
    spread = spread_of(
        of(await found_in(tmp_path, ["id", "mass"], content), "impossible_value", "mass")
    )
    assert spread.kind == "scale"
    assert said(spread) == [
        ("lowest of the others", 0.5, False),
        ("median", 20.5, False),
        ("highest of the others", 39.5, False),
        ("1 row", 9_000.5, True),
    ]


async def test_a_group_far_off_stands_apart_with_both_ends(tmp_path: Path) -> None:
    chance = Random(1)
    content = [[number, round(chance.uniform(10, 30), 2)] for number in range(2_000)]
    for place in range(20):
        content[place * 90][1] = 9_000 + place * 10
    spread = spread_of(of(await found_in(tmp_path, ["id", "mass"], content), "outlier", "mass"))
    apart = [value for _, value, is_apart in said(spread) if is_apart]
    assert apart == [9_000.0, 9_190.0]
    assert [label for label, _, is_apart in said(spread) if not is_apart] == [
        "other end",
        "median",
        "end of the others",
    ]
    assert [value for _, value, _ in said(spread)] == sorted(value for _, value, _ in said(spread))


async def test_a_skewed_key_is_shown_with_its_largest_values(tmp_path: Path) -> None:
    keys = ["A"] * 45_000 + ["B"] * 6_000 + [f"C{number % 20}" for number in range(9_000)]
    file = write(tmp_path / "t.csv", ["n", "shard"], [[n, key] for n, key in enumerate(keys)])
    findings = await findings_of(PERFORMANCE_ANALYST, file, cache=tmp_path)
    places = said(spread_of(of(findings, "key_skew", "shard")))
    assert places[:2] == [("A", 0.75, False), ("B", 0.1, False)]
    assert places[-1] == ("the other 17", 0.1275, False)
    assert len(places) == 6


async def test_a_total_on_few_shoulders_is_shown_with_them(tmp_path: Path) -> None:
    regions = ["north"] * 12 + ["south", "east", "west", "centre", "coast", "isles"]
    content = [
        [number, f"2025-{number // 200 + 1:02d}-01", regions[number % 18], 100.25 + number % 7]
        for number in range(1_800)
    ]
    file = write(tmp_path / "t.csv", ["id", "day", "region", "revenue"], content)
    findings = await findings_of(BUSINESS_ANALYST, file, cache=tmp_path)
    spread = spread_of(of(findings, "concentration", "region"))
    assert spread.kind == "shares"
    assert (spread.places[0].label, round(spread.places[0].value, 2)) == ("north", 0.67)
    assert spread.places[-1].label == "the other 2"
    assert sum(place.value for place in spread.places) == pytest.approx(1)


async def test_holders_are_masked_like_the_largest_in_the_title(tmp_path: Path) -> None:
    mails = [f"{'a' if number % 4 else 'b'}{number % 12}@example.org" for number in range(60_000)]
    mails[:40_000] = ["ann@example.org"] * 40_000
    file = write(tmp_path / "t.csv", ["n", "login"], [[n, mail] for n, mail in enumerate(mails)])
    findings = await findings_of(PERFORMANCE_ANALYST, file, cache=tmp_path)
    spread = spread_of(of(findings, "key_skew", "login"))
    assert len(spread.places) > 3
    assert not any("example" in place.label for place in spread.places)


def test_one_holder_is_no_spread() -> None:
    assert shares([("a", 1.0)], 1) is None
    assert shares([], 0) is None


def test_a_spread_is_bounded() -> None:
    with pytest.raises(ValidationError):
        Spread(kind="shares", places=(Place(label="a", value=1.0),) * (MAX_PLACES + 1))
    with pytest.raises(ValidationError):
        scale([], [])


def test_it_is_drawn_as_what_it_is_and_said_in_words() -> None:
    shared = Evidence(metric="m", value=1, spread=shares([("a", 0.75)], 3))
    scaled = Evidence(
        metric="m", value=1, spread=scale([("low", 1.0), ("high", 2.0)], [("x", 9.5)])
    )
    flat = Evidence(metric="m", value=1, spread=scale([("low", 1.0)], [("x", 1.0)]))
    chart = holders(shared)
    assert chart is not None
    assert [(bar.label, bar.said, bar.length) for bar in chart.bars] == [
        ("a", "75.0 %", 0.75),
        ("the other 2", "25.0 %", 0.25),
    ]
    assert (holders(scaled), scale_of(shared), scale_of(flat)) == (None, None, None)
    assert scale_of(scaled) is scaled.spread
    assert shared.spread is not None
    assert scaled.spread is not None
    assert spread_said(shared.spread) == "a 75.0 %; the other 2 25.0 %"
    assert spread_said(scaled.spread) == "low 1; high 2; x apart 9.5"
