"""What takes long in Python is computed beside the event loop, in one thread."""

from collections.abc import Sequence
from pathlib import Path
from threading import current_thread, main_thread

import duckdb
import pytest

from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.tools import change_points, trend, unusual_stretches
from agents.tools.off_loop import off_loop
from tests.support.examination import examination_of


async def test_functions_are_computed_one_after_the_other_in_a_thread_of_their_own() -> None:
    names = {await off_loop(lambda: current_thread().name) for _ in range(3)}
    assert len(names) == 1
    assert main_thread().name not in names


async def test_what_a_function_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await off_loop(lambda: 1 / 0)


async def test_the_courses_of_measures_are_computed_off_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT TIMESTAMP '2026-01-01' + to_hours(range) AS at, hash(range) % 100 / 7.0 "
            f"+ range AS load FROM range(900)) TO '{file}' (FORMAT parquet)"
        )
    places: dict[str, bool] = {}

    def watched(module: object, name: str) -> None:
        function = getattr(module, name)

        def watching(values: Sequence[float]) -> object:
            places[name] = current_thread() is not main_thread()
            return function(values)

        monkeypatch.setattr(module, name, watching)

    watched(trend, "theil_sen")
    watched(trend, "kendall")
    watched(change_points, "places_of_change")
    watched(unusual_stretches, "novel_stretches")
    for specialist, asked in (
        (PERFORMANCE_ANALYST, [(unusual_stretches.unusual_stretches, {"column": "at"})]),
        (
            BUSINESS_ANALYST,
            [(trend.trend, {"time": ("at",)}), (change_points.change_points, {"time": ("at",)})],
        ),
    ):
        async with examination_of(specialist, file, cache=tmp_path / "c") as examination:
            for tool, arguments in asked:
                await examination.use(tool, table="data", measure="load", **arguments)
    assert places == dict.fromkeys(
        ("theil_sen", "kendall", "places_of_change", "novel_stretches"), True
    )
