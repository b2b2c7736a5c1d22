"""Advice that follows from the figures: what to change, and which figure says so.

*Guarantees*: pure; each advice names its figure, and none is given on fewer cases than the policy
asks for.

*Not here*: what a change will bring; the figures of the time after it will tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Final

from agents.domain.statistics.figures import (
    Advice,
    CallFigures,
    ModelFigures,
    Repeats,
    RoleFigures,
    Statistics,
    Times,
    ToolFigures,
)
from agents.domain.synthesis.wording import counted, speciality


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvicePolicy:
    """From when on a figure asks for a change. Times are seconds, shares lie between 0 and 1."""

    calls: int = 20
    """Calls of one tool or model, or claims of one role, that say something."""
    tasks: int = 10
    """Tasks of one role, or requests, that say something."""
    hits: int = 5
    """Answers from a cache that say something of how long it keeps them."""
    share: float = 0.1
    """Of calls that were repeated, failed, timed out, were throttled or tried again."""
    frequent: float = 0.2
    """Of tasks that fell back, of claims that were dropped."""
    slow: float = 1.0
    """The p95 from which a tool is slow."""
    slow_share: float = 0.3
    """Of the time of all tools."""
    waiting: float = 1.0
    """Mean time until a task is begun."""
    waiting_share: float = 0.5
    """Of the mean time of the work itself."""


DEFAULT: Final = AdvicePolicy()


def advise(figures: Statistics, policy: AdvicePolicy = DEFAULT) -> tuple[tuple[Advice, ...], str]:
    """0..n advices, or none and the sentence that says why."""
    advices = (
        *_of_requests(figures, policy),
        *(each for role in figures.roles for each in _of_role(role, policy)),
        *_of_slowness(figures, policy),
        *(each for tool in figures.tools for each in _of_tool(tool, policy)),
        *(each for model in figures.models for each in _of_model(model, policy)),
        *_of_circuits(figures),
    )
    if advices:
        return advices, ""
    calls = [each.calls for each in (*figures.tools, *figures.models)]
    tasks = [each.completed for each in figures.roles]
    if max(calls, default=0) < policy.calls and max(tasks, default=0) < policy.tasks:
        return (), (
            f"Too few calls to advise: {counted(sum(calls), 'call')} and "
            f"{counted(sum(tasks), 'task')} were recorded; {policy.calls} calls of one tool or "
            f"model, or {policy.tasks} tasks of one role, say something."
        )
    return (), "Nothing in the figures asks for a change."


def _of_requests(figures: Statistics, policy: AdvicePolicy) -> Iterator[Advice]:
    reports, faulted = figures.requests.reports, figures.requests.faulted
    ended = sum(reports.values()) + sum(faulted.values())
    late = reports.get("expired", 0) + faulted.get("expired", 0)
    if ended >= policy.tasks and late >= policy.share * ended:
        yield Advice(
            kind="deadline",
            about="requests",
            figure=f"{late} of {counted(ended, 'request')} ran out of time.",
            change="Give them more time (--deadline), or start more workers.",
        )


def _of_role(role: RoleFigures, policy: AdvicePolicy) -> Iterator[Advice]:
    name = speciality(role.role)
    if _is_waited_for(role.waiting, role.work, policy):
        assert role.waiting is not None
        assert role.work is not None
        yield Advice(
            kind="waiting",
            about=name,
            figure=f"Tasks waited {_seconds(role.waiting.mean)} on average (p95 "
            f"{_seconds(role.waiting.p95)}) besides the {_seconds(role.work.mean)} that the work "
            "took.",
            change=f"Start more workers of this role (`convener worker {quote(role.role)}`), or "
            "give them a higher --concurrency.",
        )
    fell = role.completed - role.levels.get("full", 0)
    if role.completed >= policy.tasks and fell >= policy.frequent * role.completed:
        why = f" Most often: {role.fallbacks[0].reason}" if role.fallbacks else ""
        yield Advice(
            kind="fallbacks",
            about=name,
            figure=f"{fell} of {counted(role.completed, 'task')} were not done in full.{why}",
            change="Remove that cause first: every other figure of this role is worse for it.",
        )
    said = role.claims + role.dropped_claims
    if said >= policy.calls and role.dropped_claims >= policy.frequent * said:
        yield Advice(
            kind="dropped_claims",
            about=name,
            figure=f"{role.dropped_claims} of {counted(said, 'claim')} of its model did not stand "
            "up to what they cite.",
            change="Sharpen the prompt of this role, or give it a stronger model: dropped claims "
            "are paid for.",
        )
    refused = role.model_calls.statuses.get("over_budget", 0)
    if role.model_calls.calls >= policy.calls and refused >= policy.share * role.model_calls.calls:
        yield Advice(
            kind="budget",
            about=name,
            figure=f"{refused} of {counted(role.model_calls.calls, 'model call')} were not made "
            "because the budget was used up.",
            change="Give requests a larger --budget, or ask fewer roles.",
        )


def _of_slowness(figures: Statistics, policy: AdvicePolicy) -> Iterator[Advice]:
    """The slow tools, by their share of the time of all."""
    total = sum(tool.made.total for tool in figures.tools if tool.made is not None)
    for tool in figures.tools:
        made = tool.made
        if made is None or made.count < policy.calls or made.p95 < policy.slow:
            continue
        if made.total >= policy.slow_share * total:
            yield Advice(
                kind="slow_tool",
                about=tool.tool,
                figure=f"p95 is {_seconds(made.p95)} (p50 {_seconds(made.p50)}), and "
                f"{made.total / total * 100:.0f} % of the time of all tools passes in it.",
                change="Make this one faster, or have it do less, before any other.",
            )


def _of_tool(tool: ToolFigures, policy: AdvicePolicy) -> Iterator[Advice]:
    yield from _of_failures(tool.tool, tool, policy, timeout="Raise its timeout, or make it faster")
    yield from _of_repeats(tool.tool, tool, tool.repeats, policy)


def _of_model(model: ModelFigures, policy: AdvicePolicy) -> Iterator[Advice]:
    yield from _of_failures(
        model.model, model, policy, timeout="Ask for less at a time, or use a faster model"
    )
    yield from _of_repeats(model.model, model, model.repeats, policy)
    if model.calls < policy.calls:
        return
    if model.throttled_calls >= policy.share * model.calls:
        yield Advice(
            kind="throttled",
            about=model.model,
            figure=f"{model.throttled_calls} of {counted(model.calls, 'call')} were held back by "
            f"the provider, for {_seconds(model.throttled_seconds)} in total.",
            change="Lower the --concurrency of workers, or have the provider raise the rate limit.",
        )
    if model.retries >= policy.share * model.calls:
        yield Advice(
            kind="retries",
            about=model.model,
            figure=f"{counted(model.calls, 'call')} took {model.retries} requests more than one "
            "each.",
            change="The endpoint is unreliable: look at what it answers with `convener history "
            "--type model.called`, or use another.",
        )


def _of_failures(
    name: str, figures: CallFigures, policy: AdvicePolicy, *, timeout: str
) -> Iterator[Advice]:
    ran = sum(figures.statuses.get(each, 0) for each in ("succeeded", "failed", "timed_out"))
    failed, timed_out = figures.statuses.get("failed", 0), figures.statuses.get("timed_out", 0)
    if ran < policy.calls:
        return
    if failed >= policy.share * ran:
        yield Advice(
            kind="failures",
            about=name,
            figure=f"{failed} of {counted(ran, 'call')} failed.",
            change=f"Look at their errors: `convener history --type called --text {quote(name)}`.",
        )
    if timed_out >= policy.share * ran:
        yield Advice(
            kind="timeouts",
            about=name,
            figure=f"{timed_out} of {counted(ran, 'call')} took longer than they may.",
            change=f"{timeout}.",
        )


def _of_repeats(
    name: str, figures: CallFigures, repeats: Repeats, policy: AdvicePolicy
) -> Iterator[Advice]:
    made = figures.reuse.made
    least = policy.share * made
    if made < policy.calls:
        return
    if repeats.oldest is None:
        again = repeats.unused + repeats.at_once
        if again >= least:
            yield Advice(
                kind="cache_unused",
                about=name,
                figure=f"{again} of {counted(made, 'answer')} had been made before, and none was "
                "ever taken from a cache.",
                change="Keep its answers, in a cache that all workers share (CONVENER_REDIS).",
            )
        return
    oldest = _duration(repeats.oldest)
    hits = figures.reuse.memory + figures.reuse.store
    if hits >= policy.hits and repeats.soon >= least:
        yield Advice(
            kind="time_to_live",
            about=name,
            figure=f"{repeats.soon} of {counted(made, 'answer')} were made again within {oldest} "
            f"after the kept one had run out; the oldest that was given was {oldest} old.",
            change="Keep its answers twice as long.",
        )
    lost = repeats.lost + repeats.at_once
    if lost >= least:
        yield Advice(
            kind="cache_lost",
            about=name,
            figure=f"{lost} of {counted(made, 'answer')} were made again although answers up to "
            f"{oldest} old were given.",
            change="Make the cache larger, and share it between workers (CONVENER_REDIS).",
        )


def _of_circuits(figures: Statistics) -> Iterator[Advice]:
    """A circuit opens on several failures, so each time says something."""
    for circuit in figures.circuits:
        if circuit.trips:
            again = f" and {circuit.reopened} times again after a probe" if circuit.reopened else ""
            yield Advice(
                kind="breaker",
                about=circuit.name,
                figure=f"Its circuit opened {counted(circuit.trips, 'time')}{again}.",
                change="Find out what failed before: `convener history --type circuit.changed` "
                "says when.",
            )


def _is_waited_for(waiting: Times | None, work: Times | None, policy: AdvicePolicy) -> bool:
    if waiting is None or work is None or waiting.count < policy.tasks:
        return False
    return waiting.mean >= policy.waiting and waiting.mean >= policy.waiting_share * work.mean


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _duration(seconds: float) -> str:
    """Such as "45 seconds", "12 minutes" or "24 hours"."""
    for size, noun in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return counted(round(seconds / size), noun)
    return counted(round(seconds), "second")
