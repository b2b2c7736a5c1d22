"""Which situations a run has been in: a simulation that never gets into trouble proves nothing."""

from collections.abc import Iterator
from typing import Final

from agents.domain.identity import task_key
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisRequested
from agents.domain.task import TaskAssigned
from bus import parse
from tests.simulation.world import Outcome

SITUATIONS: Final = frozenset(
    {
        "a process died while it worked",
        "a process died between being paid and recording",
        "a process died between recording and replying",
        "a process died between recording a report and publishing it",
        "a delivery was lost while it was worked on",
        "a task was assigned twice",
        "a report was published twice",
        "a message was parked",
        "a report is complete",
        "a report is partial",
        "a report is failed",
        "a report is cancelled",
        "a report is expired",
        "a request was handled by several processes",
        "nobody failed",
    }
)


def reached(outcome: Outcome) -> frozenset[str]:
    """Those of `SITUATIONS` that occurred."""
    return frozenset(_reached(outcome))


def _reached(outcome: Outcome) -> Iterator[str]:
    journal, broker = outcome.journal, outcome.broker
    if not journal.deaths and not journal.lost and not journal.refused:
        yield "nobody failed"
    if broker.parked:
        yield "a message was parked"
    yield from _published(outcome)
    yield from _worked(outcome)


def _published(outcome: Outcome) -> Iterator[str]:
    announced = []
    assigned = []
    takers: dict[str, set[str]] = {}
    for _, envelope in outcome.broker.accepted:
        if envelope.topic == "event.report.published":
            announced.append(envelope.id)
        elif envelope.message_type == TaskAssigned.message_type:
            assigned.append(parse(envelope.body).data["task_id"])
        if envelope.message_type == ReportPublished.message_type:
            yield f"a report is {parse(envelope.body).data['status']}"
    for moment, envelope in outcome.journal.heard:
        if envelope.message_type == AnalysisRequested.message_type:
            takers.setdefault(envelope.id, set()).add(moment.life)
    if len(set(announced)) < len(announced):
        yield "a report was published twice"
    if len(set(assigned)) < len(assigned):
        yield "a task was assigned twice"
    if any(len(lives) > 1 for lives in takers.values()):
        yield "a request was handled by several processes"


def _worked(outcome: Outcome) -> Iterator[str]:
    journal = outcome.journal
    lost = {
        (moment.life, parse(envelope.body).data["task_id"])
        for moment, envelope in journal.lost
        if envelope.message_type == TaskAssigned.message_type
    }
    for task, begins in journal.began.items():
        recorded = {moment.life for moment in journal.recorded.get(task_key(task), [])}
        told = {moment.life for moment in journal.told.get(task_key(task), [])}
        paid = {moment.life for moment in journal.paid.get(task, [])}
        for life in {begin.life for begin in begins}:
            if (life, task) in lost:
                yield "a delivery was lost while it was worked on"
            if life not in journal.deaths:
                continue
            if life not in paid:
                yield "a process died while it worked"
            elif life not in recorded:
                yield "a process died between being paid and recording"
            elif life not in told:
                yield "a process died between recording and replying"
    for key, moments in journal.recorded.items():
        told = {moment.life for moment in journal.told.get(key, [])}
        if key.startswith("report:") and any(
            moment.life in journal.deaths and moment.life not in told for moment in moments
        ):
            yield "a process died between recording a report and publishing it"
