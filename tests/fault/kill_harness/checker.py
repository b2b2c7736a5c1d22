"""The checker: from what a run left behind to what was wrong, and the figures.

It checks of the invariants: every confirmed request ends, once (I1); all copies of its report are
the same (I2); a task is paid for again only where the one who paid could not record (I4); what was
confirmed is in the history (I5); nothing is left in a queue (I6); nothing healthy is parked (I7).
No message of a run is poison, so that only a deadline may park one.

Losing the ledger may cost a second payment, and with it another report for a request that was open
then: a named non-guarantee, counted by itself. So is what a broker's death costs: the handlers of
its deliveries are stopped, whatever they have paid for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from tests.fault.kill_harness.evidence import Blow, Evidence, ReportCopy, Struck
from tests.fault.kill_harness.journal import Payment

RECORDING: Final = 2.0
"""Seconds within which who has paid has recorded, even on a busy machine."""

_DEATHS: Final = frozenset({Blow.KILL_ORCHESTRATOR, Blow.KILL_SPECIALIST, Blow.KILL_RECORDER})
_LEDGER_LOSSES: Final = frozenset({Blow.FLUSH_LEDGER, Blow.KILL_LEDGER})


class Excuse(StrEnum):
    """Why a payment did not count."""

    KILLED = "its process was killed before it had recorded"
    LEDGER_LOST = "the ledger was lost"
    NONE = "no reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wasted:
    """A payment beside the one that counted."""

    payment: Payment
    excuse: Excuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was wrong, one sentence each, and the figures in the order in which to show them."""

    violations: Sequence[str]
    figures: Mapping[str, str]
    wasted: Sequence[Wasted]


def judge(evidence: Evidence) -> Verdict:
    """The verdict on a run."""
    wasted = _wasted(evidence)
    identical, excused, differing = _duplicates(evidence)
    lost = _lost(evidence)
    violations = [
        *(() if evidence.confirmed else ("Idle: no request was confirmed, so nothing was shown.",)),
        *(f"Lost: {id} was confirmed and has no end." for id in lost),
        *_ended_twice(evidence),
        *_unrecorded(evidence),
        *(f"Differing: the copies of the report on {id} are not the same." for id in differing),
        *(
            f"Paid twice: {each.payment.task_id} by {each.payment.pid}, for {each.excuse}."
            for each in wasted
            if each.excuse is Excuse.NONE
        ),
        *(f"Stuck: {queue} still holds {n}." for queue, n in evidence.left.items() if n),
        *_wrongly_parked(evidence),
        *(f"Ended by itself: {e.name}: {e.said}" for e in evidence.exits if e.was_serving),
    ]
    return Verdict(
        violations=violations,
        figures=_figures(evidence, wasted, identical, excused, len(differing), len(lost)),
        wasted=wasted,
    )


def _lost(evidence: Evidence) -> Sequence[str]:
    ended = {report.request_id for report in evidence.recorded}
    told = evidence.faults.keys() | {each.message_id for each in evidence.parked if each.reason}
    return [
        each.request_id
        for each in evidence.confirmed
        if each.request_id not in ended and each.message_id not in told
    ]


def _ended_twice(evidence: Evidence) -> Iterable[str]:
    reported = {report.request_id for report in evidence.recorded}
    for each in evidence.confirmed:
        if each.request_id in reported and each.message_id in evidence.faults:
            reason = evidence.faults[each.message_id]
            yield f"Ended twice: {each.request_id} has a report and a fault ({reason})."


def _unrecorded(evidence: Evidence) -> Iterable[str]:
    for each in evidence.confirmed:
        if each.message_id not in evidence.recorded_ids:
            yield f"Unrecorded: {each.request_id} was confirmed and is not in the history."


def _duplicates(evidence: Evidence) -> tuple[int, Sequence[str], Sequence[str]]:
    """Further announcements that are the same, and requests with others: excused, and not."""
    contents = defaultdict(set)
    for copy in (*evidence.seen, *evidence.recorded):
        contents[copy.request_id].add(copy.content)
    differing = [id for id, different in contents.items() if len(different) > 1]
    announced = Counter(copy.request_id for copy in evidence.seen if copy.way == "announced")
    identical = sum(n - 1 for id, n in announced.items() if len(contents[id]) == 1)
    confirmed_at = {each.request_id: each.confirmed_at for each in evidence.confirmed}
    losses = [each for each in evidence.struck if each.blow in _LEDGER_LOSSES]
    last_seen: dict[str, float] = {}
    for copy in evidence.seen:
        if copy.seen_at is not None:
            last_seen[copy.request_id] = max(copy.seen_at, last_seen.get(copy.request_id, 0.0))
    excused = [
        id
        for id in differing
        if any(
            _overlaps(loss, confirmed_at.get(id, 0.0), last_seen.get(id, loss.began_at))
            for loss in losses
        )
    ]
    return identical, excused, [id for id in differing if id not in excused]


def _wasted(evidence: Evidence) -> Sequence[Wasted]:
    """Every payment that is in no report although another one for its task was made."""
    by_task: dict[str, list[Payment]] = defaultdict(list)
    for payment in evidence.payments:
        by_task[payment.task_id].append(payment)
    reports: dict[str, ReportCopy] = {}
    for report in evidence.recorded:
        reports.setdefault(report.request_id, report)
    wasted = []
    for payments in by_task.values():
        if len(payments) == 1:
            continue
        report = reports.get(payments[0].request_id)
        counted = [p for p in payments if report is not None and p.token in report.content]
        kept = counted[0] if counted else payments[-1]
        wasted += [
            Wasted(payment=payment, excuse=_excuse(payment, payments, evidence.struck))
            for payment in payments
            if payment is not kept
        ]
    return wasted


def _excuse(payment: Payment, others: Sequence[Payment], struck: Sequence[Struck]) -> Excuse:
    times = [other.paid_at for other in others]
    for each in struck:
        is_death = each.blow in _DEATHS and each.pid == payment.pid
        if is_death and payment.paid_at <= each.ended_at <= payment.paid_at + RECORDING:
            return Excuse.KILLED
    for each in struck:
        if each.blow in _LEDGER_LOSSES and _overlaps(each, min(times), max(times)):
            return Excuse.LEDGER_LOST
    return Excuse.NONE


def _overlaps(struck: Struck, since: float, until: float) -> bool:
    return struck.began_at <= until and since <= struck.ended_at + RECORDING


def _wrongly_parked(evidence: Evidence) -> Iterable[str]:
    for each in evidence.parked:
        if not each.reason:
            yield f"Parked without a reason: {each.message_id} on {each.topic}."
        elif each.reason != "expired":
            yield f"Parked although healthy: {each.topic} ({each.reason}): {each.error}"


def _figures(
    evidence: Evidence,
    wasted: Sequence[Wasted],
    identical: int,
    excused: Sequence[str],
    differing: int,
    lost: int,
) -> Mapping[str, str]:
    first_seen: dict[str, float] = {}
    for copy in evidence.seen:
        if copy.seen_at is not None:
            first_seen.setdefault(copy.request_id, copy.seen_at)
    waits = [
        first_seen[each.request_id] - each.confirmed_at
        for each in evidence.confirmed
        if each.request_id in first_seen
    ]
    gaps = [later - earlier for earlier, later in pairwise(sorted(first_seen.values()))]
    statuses = Counter({r.request_id: r.status for r in reversed(evidence.recorded)}.values())
    times = Counter(Counter(payment.task_id for payment in evidence.payments).values())
    blows = Counter(each.blow for each in evidence.struck)
    excuses = Counter(each.excuse for each in wasted)
    figures: dict[str, object] = {
        "requests confirmed": len(evidence.confirmed),
        "of them published again, in doubt": sum(each.sent > 1 for each in evidence.confirmed),
        **{str(blow): blows[blow] for blow in Blow if blows[blow]},
        **{
            f"time without {server}": f"{sum(s.ended_at - s.began_at for s in struck):.0f} s"
            for server, blow in (("broker", Blow.KILL_BROKER), ("redis", Blow.KILL_LEDGER))
            if (struck := [each for each in evidence.struck if each.blow is blow])
        },
        "starts in vain": sum(not each.was_serving for each in evidence.exits),
        **{f"reports {status}": number for status, number in sorted(statuses.items())},
        "requests expired": sum(e.message_id in evidence.faults for e in evidence.confirmed),
        "lost": lost,
        "reports announced again, identical": identical,
        "requests with differing reports": differing,
        "the same, after the ledger was lost": len(excused),
        "tasks paid once": times[1],
        "tasks paid twice or more": sum(number for paid, number in times.items() if paid > 1),
        **{f"wasted payments, {excuse}": excuses[excuse] for excuse in Excuse},
        "messages parked": len(evidence.parked),
        "messages left in queues": sum(evidence.left.values()),
        "longest gap between reports": f"{max(gaps, default=0.0):.1f} s",
        "longest wait for a report": f"{max(waits, default=0.0):.1f} s",
    }
    return {name: str(figure) for name, figure in figures.items()}
