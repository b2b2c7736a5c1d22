"""The figures that are counted from the history, the advice, and how both are shown."""

import json
import re
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from agents.domain.claim import Claim
from agents.domain.statistics import Statistics, Tally
from agents.domain.statistics.calls import MadeAt, Remade, times_of
from agents.domain.statistics.tally import MAX_NAMES
from agents.domain.task import Fallback
from agents.domain.usage import Usage
from agents.reports import statistics_terminal
from agents.reports.statistics import render
from bus import Fault, HistoryRecord
from tests.support.records import (
    NOON,
    asked,
    assigned,
    circuit_changed,
    completed,
    failed,
    model_called,
    published,
    record,
    tool_called,
)

HOSTILE = "x|y `c` <img src=x> [l](http://evil.example) \x1b[31m; rm -rf ~"


def figures_of(*records: HistoryRecord) -> Statistics:
    tally = Tally()
    for each in records:
        tally.add(each)
    return tally.statistics()


def kinds(figures: Statistics) -> set[tuple[str, str]]:
    return {(each.kind, each.about) for each in figures.advice}


class TestTimes:
    def test_percentiles_are_values_that_occurred_by_nearest_rank(self) -> None:
        times = times_of([float(each) for each in range(100, 0, -1)])
        assert times is not None
        assert (times.p50, times.p95, times.p99, times.most) == (50.0, 95.0, 99.0, 100.0)
        assert (times.count, times.total, times.mean) == (100, 5050.0, 50.5)

    def test_one_value_is_every_percentile(self) -> None:
        times = times_of([0.25])
        assert times is not None
        assert {times.p50, times.p95, times.p99, times.mean} == {0.25}

    def test_nothing_measured_is_nothing_said(self) -> None:
        assert times_of([], []) is None

    def test_rows_are_taken_together(self) -> None:
        times = times_of([1.0], [3.0, 5.0])
        assert times is not None
        assert (times.p50, times.mean) == (3.0, 3.0)


class TestCalls:
    def test_a_tool_has_its_calls_endings_and_hit_rate_by_source(self) -> None:
        figures = figures_of(
            tool_called(seconds=1.0),
            tool_called(seconds=0.0, source="memory", age=5.0),
            tool_called(seconds=0.2, source="store", age=50.0),
            tool_called(seconds=0.8, source="shared"),
            tool_called(seconds=9.0, status="timed_out"),
            tool_called(seconds=0.0, status="denied"),
        )
        (tool,) = figures.tools
        assert (tool.tool, tool.calls) == ("profile", 6)
        assert tool.statuses == {"denied": 1, "succeeded": 4, "timed_out": 1}
        assert tool.reuse.hit_rate == 0.75
        assert (tool.reuse.made, tool.reuse.memory, tool.reuse.store, tool.reuse.shared) == (
            *(1, 1, 1, 1),
        )

    def test_response_times_cover_what_ran_and_made_ones_leave_the_cache_out(self) -> None:
        (tool,) = figures_of(
            tool_called(seconds=1.0),
            tool_called(seconds=3.0, status="failed"),
            tool_called(seconds=0.5, source="memory"),
            tool_called(seconds=0.0, status="circuit_open"),
        ).tools
        assert tool.response is not None
        assert tool.made is not None
        assert (tool.response.count, tool.response.total) == (3, 4.5)
        assert (tool.made.count, tool.made.total) == (2, 4.0)

    def test_a_model_has_its_tokens_cost_retries_and_waits(self) -> None:
        used = Usage(
            calls=3, input_tokens=100, cached_input_tokens=40, output_tokens=10, cost=0.5, seconds=4
        )
        figures = figures_of(
            model_called(usage=used, attempts=3, waited=7.5, seconds=4.0),
            model_called(usage=Usage(saved_calls=1), attempts=0, source="memory", age=60.0),
            model_called(status="throttled", attempts=1, key="other"),
            model_called("openai:large", usage=Usage(calls=1, output_tokens=1)),
        )
        large, small = figures.models
        assert small.endpoints == ("openai:small@host key-0123abcd",)
        assert (small.retries, small.throttled_calls, small.throttled_seconds) == (2, 2, 7.5)
        assert small.usage == used + Usage(saved_calls=1)
        assert large.usage.cost is None
        assert figures.usage.output_tokens == 11
        assert figures.usage.cost == 0.5

    def test_the_role_that_called_is_told_apart(self) -> None:
        figures = figures_of(
            tool_called(caller="business"),
            tool_called(caller="security", source="memory"),
            model_called(caller="orchestrator", usage=Usage(calls=1, input_tokens=7)),
        )
        roles = {role.role: role for role in figures.roles}
        assert roles["business"].tool_calls.reuse.hit_rate == 0.0
        assert roles["security"].tool_calls.reuse.hit_rate == 1.0
        assert roles["orchestrator"].model_calls.calls == 1
        assert roles["orchestrator"].usage.input_tokens == 7

    def test_a_circuit_that_opens_is_counted_for_its_tool_and_its_model(self) -> None:
        figures = figures_of(
            tool_called(),
            model_called(),
            circuit_changed("profile", "closed", "open"),
            circuit_changed("profile", "open", "half_open"),
            circuit_changed("profile", "half_open", "open"),
            circuit_changed("profile", "half_open", "closed"),
            circuit_changed("model:openai:small@host key-0123abcd", "closed", "open"),
        )
        assert figures.tools[0].breaker_trips == 1
        assert figures.models[0].breaker_trips == 1
        assert [(each.name, each.trips, each.reopened) for each in figures.circuits] == [
            ("model:openai:small@host key-0123abcd", 1, 0),
            ("profile", 1, 1),
        ]


class TestTasks:
    def test_waiting_is_what_passed_besides_the_work(self) -> None:
        (role,) = figures_of(
            assigned("t1", at=0.0),
            completed("t1", at=10.0, seconds=4.0),
            assigned("t2", at=0.0),
            completed("t2", at=3.0, seconds=3.5),
        ).roles
        assert role.waiting is not None
        assert role.work is not None
        assert (role.waiting.total, role.work.total) == (6.0, 7.5)

    def test_a_task_assigned_again_and_answered_twice_is_one_task(self) -> None:
        (role,) = figures_of(
            assigned("t1"),
            assigned("t1", at=60.0),
            completed("t1", at=61.0, seconds=1.0, dropped_claims=2),
            completed("t1", at=62.0, seconds=1.0, dropped_claims=2),
            assigned("t1", at=63.0),
        ).roles
        assert (role.tasks, role.assigned_again, role.completed) == (1, 2, 1)
        assert role.dropped_claims == 2
        assert role.waiting is not None
        assert role.waiting.total == 60.0

    def test_fallbacks_are_counted_by_level_and_reason_whatever_the_figures_in_it(self) -> None:
        (role,) = figures_of(
            *(
                completed(
                    f"t{number}",
                    fallback_level="cached",
                    fallbacks=(
                        Fallback(
                            level="cached",
                            reason=f"gpt-4o did not answer within {number} s.",
                        ),
                    ),
                )
                for number in range(3)
            ),
            completed("t9"),
        ).roles
        assert role.levels == {"cached": 3, "full": 1}
        (fallback,) = role.fallbacks
        assert (fallback.level, fallback.times) == ("cached", 3)
        assert fallback.reason == "gpt-4o did not answer within … s."

    def test_any_number_of_reasons_takes_bounded_room(self) -> None:
        (role,) = figures_of(
            *(
                completed(
                    f"t{number}",
                    fallbacks=(Fallback(level="partial", reason=f"{chr(0x4E00 + number)}" * 999),),
                )
                for number in range(300)
            )
        ).roles
        assert len(role.fallbacks) <= 21
        assert sum(each.times for each in role.fallbacks) == 300
        assert max(len(each.reason) for each in role.fallbacks) <= 200

    def test_a_failure_is_counted_by_its_reason_once(self) -> None:
        (role,) = figures_of(assigned("t1"), failed("t1"), failed("t1")).roles
        assert role.failed == {"tool_failed": 1}


class TestRequests:
    def test_each_request_ends_once_however_many_copies_of_its_report_there_are(self) -> None:
        requests = figures_of(
            asked("r1"),
            asked("r1"),
            asked("r2"),
            asked("r3"),
            published("r1", seconds=2.0),
            published("r1", seconds=2.0),
            published("r2", status="partial", seconds=4.0),
        ).requests
        assert (requests.asked, requests.unfinished) == (3, 1)
        assert requests.reports == {"complete": 1, "partial": 1}
        assert requests.time_to_report is not None
        assert requests.time_to_report.mean == 3.0

    def test_a_request_that_was_parked_is_one_without_a_report(self) -> None:
        requests = figures_of(
            asked("r1", id="first"),
            record(Fault(reason="expired", error="Too late."), request="r1", cause="first"),
            asked("r2", id="second"),
            record(Fault(reason="failed", error="A task."), request="r2", cause="a task"),
        ).requests
        assert requests.faulted == {"expired": 1}
        assert requests.unfinished == 1

    def test_what_the_synthesis_dropped_and_lacked_is_the_orchestrators(self) -> None:
        said = (Claim(text="All is well.", cites=("a",)),)
        lacked = (Fallback(level="simplified", reason="It took too long."),)
        figures = figures_of(published(narrative=said, dropped_claims=3, fallbacks=lacked))
        (role,) = figures.roles
        assert (role.role, role.claims, role.dropped_claims) == ("orchestrator", 1, 3)
        assert [(each.level, each.times) for each in role.fallbacks] == [("simplified", 1)]

    def test_the_range_is_that_of_the_records(self) -> None:
        figures = figures_of(asked(at=60.0), published(at=0.0))
        assert figures.first_at == NOON
        assert (figures.last_at or NOON) > NOON


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(
        "change",
        [
            lambda _: b"hello",
            lambda _: b"\xff\xfe",
            lambda body: body.replace(b'"succeeded"', b'"exploded"'),
            lambda body: body.replace(b'"seconds":0.1', b'"seconds":-1'),
            lambda body: body.replace(b'"seconds":0.1', b'"seconds":NaN'),
            lambda body: body.replace(b'"seconds":0.1', b'"seconds":1e999'),
            lambda body: body.replace(b'"tool":"profile"', b'"tool":"' + b"x" * 5000 + b'"'),
            lambda _: b"[" * 100_000,
        ],
    )
    def test_it_is_counted_and_changes_nothing_else(self, change: Any) -> None:
        whole = tool_called()
        changed = change(whole.body)
        assert changed != whole.body
        figures = figures_of(whole, replace(whole, body=changed))
        assert (figures.records, figures.unread) == (1, 1)
        assert figures.tools[0].calls == 1

    def test_messages_of_others_are_none_of_ours(self) -> None:
        foreign = replace(tool_called(), message_type="shop.order.placed.v1", body=b"?")
        figures = figures_of(foreign)
        assert (figures.records, figures.unread) == (0, 0)

    def test_a_message_without_a_time_is_counted(self) -> None:
        (tool,) = figures_of(replace(tool_called(), time="")).tools
        assert tool.calls == 1

    def test_any_number_of_names_takes_bounded_room(self) -> None:
        figures = figures_of(*(tool_called(f"tool {number}") for number in range(MAX_NAMES + 50)))
        assert len(figures.tools) <= MAX_NAMES + 1
        assert sum(tool.calls for tool in figures.tools) == MAX_NAMES + 50


class TestRepeats:
    def test_answers_made_again_are_sorted_by_how_long_answers_are_known_to_be_kept(self) -> None:
        (tool,) = figures_of(
            assigned("t1"),
            tool_called(at=0.0),
            tool_called(at=100.0, source="memory", age=100.0),
            tool_called(at=50.0),  # while an answer of that age was still given
            tool_called(at=240.0),  # later, though less than twice as old as the oldest
            tool_called(at=5000.0),
        ).tools
        repeats = tool.repeats
        assert repeats.oldest == 100.0
        assert (repeats.lost, repeats.soon, repeats.later, repeats.unused) == (1, 1, 1, 0)

    def test_two_at_the_same_moment_are_told_apart(self) -> None:
        (tool,) = figures_of(
            assigned("t1"),
            tool_called(at=1.0, seconds=1.0),
            tool_called(at=1.5, seconds=1.0),
        ).tools
        assert (tool.repeats.at_once, tool.repeats.unused) == (1, 0)

    def test_other_arguments_or_other_data_are_no_repetition(self) -> None:
        (tool,) = figures_of(
            assigned("t1"),
            tool_called(at=1.0, arguments={"column": "a"}),
            tool_called(at=2.0, arguments={"column": "b"}),
            tool_called(at=3.0, arguments={"column": "a"}, task_id="unknown"),
            tool_called(at=4.0, arguments={"column": "a"}, effect="effect"),
            tool_called(at=5.0, arguments={"column": "a"}, status="failed"),
        ).tools
        assert tool.repeats.unused == 0

    @pytest.mark.parametrize("details", [{"metadata": {"replayof": "r0"}}, {"fresh": True}])
    def test_who_wants_fresh_answers_makes_them_again_on_purpose(self, details: Any) -> None:
        figures = figures_of(
            model_called(at=0.0, request="r1"),
            asked("r2", **details),
            model_called(at=50.0, request="r2"),
        )
        assert figures.models[0].repeats.unused == 0

    def test_the_oldest_answers_are_forgotten_first(self) -> None:
        made_at, remade = MadeAt(most=2), Remade()
        for place, key in enumerate([b"a", b"b", b"c", b"b", b"a"]):
            made_at.note(key, remade, started=float(place), ended=float(place))
        assert list(remade.gaps) == [2.0]


class TestAdvice:
    def test_too_little_data_gives_no_advice_and_says_so(self) -> None:
        figures = figures_of(
            assigned("t1"),
            *(tool_called(seconds=50.0, status="failed") for _ in range(5)),
            completed("t1", at=500.0, fallback_level="degraded"),
        )
        assert figures.advice == ()
        assert figures.no_advice == (
            "Too few calls to advise: 5 calls and 1 task were recorded; 20 calls of one tool or "
            "model, or 10 tasks of one role, say something."
        )

    def test_good_figures_ask_for_nothing(self) -> None:
        figures = figures_of(*(tool_called(task_id=None) for _ in range(50)))
        assert figures.advice == ()
        assert figures.no_advice == "Nothing in the figures asks for a change."

    def test_a_slow_tool_is_named_with_its_p95_and_its_share(self) -> None:
        figures = figures_of(
            *(tool_called("slow", seconds=4.0, task_id=None) for _ in range(30)),
            *(tool_called("quick", seconds=0.5, task_id=None) for _ in range(30)),
        )
        (advice,) = figures.advice
        assert (advice.kind, advice.about) == ("slow_tool", "slow")
        assert "p95 is 4.0 s" in advice.figure
        assert "89 %" in advice.figure

    def test_tasks_that_wait_ask_for_more_workers_of_their_role(self) -> None:
        records = []
        for number in range(10):
            records += [
                assigned(f"t{number}", role="business", at=0.0),
                completed(f"t{number}", role="business", at=14.0, seconds=2.0),
            ]
        (advice,) = figures_of(*records).advice
        assert advice.kind == "waiting"
        assert "waited 12.0 s on average" in advice.figure
        assert "convener worker business" in advice.change

    def test_work_that_takes_much_longer_than_the_wait_asks_for_nothing(self) -> None:
        records = []
        for number in range(10):
            records += [assigned(f"t{number}"), completed(f"t{number}", at=62.0, seconds=60.0)]
        assert figures_of(*records).advice == ()

    def test_a_model_that_is_throttled_and_tried_again(self) -> None:
        figures = figures_of(
            *(model_called(key=str(n), waited=3.0, attempts=2) for n in range(5)),
            *(model_called(key=str(n)) for n in range(5, 30)),
        )
        assert kinds(figures) == {("throttled", "openai:small"), ("retries", "openai:small")}
        assert "5 of 30 calls" in figures.advice[0].figure
        assert "15.0 s in total" in figures.advice[0].figure

    def test_answers_that_run_out_too_early_and_answers_that_get_lost(self) -> None:
        kept = [model_called(at=age, source="store", age=age) for age in (100.0, 200.0, 300.0)]
        records = [
            model_called(at=0.0),
            *kept,
            *(model_called(at=n, source="memory", age=n) for n in (400.0, 600.0)),
        ]
        moment = 0.0
        for gap in [900.0] * 15 + [60.0] * 15:
            moment += gap + 2.0
            records.append(model_called(at=moment))
        figures = figures_of(*records)
        assert kinds(figures) == {
            ("time_to_live", "openai:small"),
            ("cache_lost", "openai:small"),
        }
        assert "15 of 31 answers were made again within 10 minutes" in figures.advice[0].figure

    def test_answers_that_nobody_keeps(self) -> None:
        figures = figures_of(*(model_called(at=n * 10.0) for n in range(25)))
        assert kinds(figures) == {("cache_unused", "openai:small")}
        assert "24 of 25 answers" in figures.advice[0].figure

    def test_failures_timeouts_and_a_circuit_that_opened(self) -> None:
        figures = figures_of(
            *(tool_called(task_id=None) for _ in range(20)),
            *(tool_called(task_id=None, status="failed") for _ in range(5)),
            *(tool_called(task_id=None, status="timed_out") for _ in range(5)),
            circuit_changed("profile", "closed", "open"),
        )
        assert kinds(figures) == {
            ("failures", "profile"),
            ("timeouts", "profile"),
            ("breaker", "profile"),
        }

    def test_fallbacks_dropped_claims_and_a_budget_that_is_used_up(self) -> None:
        reason = Fallback(level="partial", reason="The budget is used up.")
        figures = figures_of(
            *(
                completed(
                    f"t{number}",
                    fallback_level="partial" if number < 3 else "full",
                    fallbacks=(reason,) if number < 3 else (),
                    claims=(Claim(text="a", cites=("b",)),) * 2,
                    dropped_claims=1,
                )
                for number in range(12)
            ),
            *(model_called(key=str(n), status="over_budget") for n in range(4)),
            *(model_called(key=str(n)) for n in range(4, 24)),
        )
        assert kinds(figures) == {
            ("fallbacks", "security"),
            ("dropped_claims", "security"),
            ("budget", "security"),
        }
        assert "3 of 12 tasks" in figures.advice[0].figure
        assert "The budget is used up." in figures.advice[0].figure
        assert "12 of 36 claims" in figures.advice[1].figure

    def test_requests_that_run_out_of_time(self) -> None:
        figures = figures_of(
            *(published(f"r{n}", status="expired" if n < 2 else "complete") for n in range(12))
        )
        assert kinds(figures) == {("deadline", "requests")}

    def test_a_command_in_an_advice_is_safe_to_paste(self) -> None:
        figures = figures_of(
            *(tool_called("x; rm -rf ~", status="failed", task_id=None) for _ in range(20))
        )
        assert "'x; rm -rf ~'" in figures.advice[0].change


def everything() -> Statistics:
    used = Usage(calls=2, input_tokens=12_000, cached_input_tokens=2_000, output_tokens=300, cost=1)
    return figures_of(
        asked(),
        assigned("t1", role="data_quality"),
        *(tool_called(seconds=2.0, caller="data_quality") for _ in range(25)),
        tool_called(HOSTILE, status="failed", caller="data_quality"),
        tool_called(source="memory", age=3.0, caller="data_quality"),
        model_called(HOSTILE, caller="data_quality", usage=used, attempts=2),
        circuit_changed(HOSTILE, "closed", "open"),
        completed(
            "t1",
            role="data_quality",
            at=5.0,
            seconds=2.0,
            fallback_level="partial",
            fallbacks=(Fallback(level="partial", reason=HOSTILE),),
            dropped_claims=1,
        ),
        published(),
        replace(tool_called(), body=b"?"),
    )


def drawn(figures: Statistics, width: int = 80) -> str:
    out = StringIO()
    Console(file=out, width=width, no_color=True).print(statistics_terminal.render(figures))
    return out.getvalue()


class TestShown:
    def test_markdown_has_every_part(self) -> None:
        text = render(everything())
        assert "| data quality | 1 | 0 | 3.0 s | 2.0 s | 2.0 s | 2.0 s | 2.0 s |" in text
        assert "| profile | 26 | 4 % | 1.9 s | 2.0 s | 2.0 s | 2.0 s | 0 |" in text
        assert "12,000 | 2,000 | 300 | 1.0000 |" in text
        assert "1 record" not in text
        assert "1 could not be understood" in text
        assert "1 request: 1 complete. Time to the report: mean 3.0 s" in text
        assert "no model, or not every check" in text
        assert "1 failed" in text
        assert "**profile**: p95 is 2.0 s" in text

    def test_the_terminal_shows_the_same_figures(self) -> None:
        text = drawn(everything())
        for heading in re.findall(r"(?m)^## (.*)$", render(everything())):
            assert heading in text
        assert re.search(r"profile\s+26\s+4 %\s+1\.9 s", text)

    def test_nothing_recorded_is_said_in_a_few_lines(self) -> None:
        text = render(Tally().statistics())
        assert text.splitlines() == [
            "# Performance of the panel",
            "",
            "0 records.",
            "",
            "0 requests.",
            "",
            "## Advice",
            "",
            Tally().statistics().no_advice,
        ]

    def test_a_name_cannot_become_markup_or_command_the_terminal(self) -> None:
        markdown = render(everything())
        outside = re.sub(r"\\.", "", markdown)
        assert "<img" not in outside
        assert "](" not in outside
        assert "://" not in outside
        for text in (markdown, drawn(everything())):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
        rows = [line for line in markdown.splitlines() if line.startswith("| x")]
        assert rows
        for row in rows:
            assert not re.search(r"(?<!\\)\|y", row)

    @pytest.mark.parametrize("width", [60, 80, 200])
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        assert max(map(len, drawn(everything(), width).splitlines())) <= width

    def test_the_json_is_read_back_as_it_was(self) -> None:
        figures = everything()
        text = figures.model_dump_json()
        assert Statistics.model_validate_json(text) == figures
        assert json.loads(text)["version"] == 1
        assert set(json.loads(text)["tools"][0]) == {
            *("calls", "statuses", "reuse", "response", "made", "tool", "breaker_trips"),
            "repeats",
        }
