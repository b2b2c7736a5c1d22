"""Writing what a diagnosis found: aligned lines that need no colour, or JSON."""

import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final

import click

from agents.cli.line_mode import is_plain
from bus.diagnosis.check import Answer, Status, Verdict

FAILED: Final = 1

_SYMBOLS: Final[dict[Status, str]] = {
    "ok": "✓",
    "note": "·",
    "warning": "!",
    "failed": "✗",
    "skipped": "-",
}
_PLAIN: Final[dict[Status, str]] = {**_SYMBOLS, "ok": "+", "note": ".", "failed": "x"}
"""For whoever reads no UTF-8."""

_COLOURS: Final[dict[Status, str]] = {"ok": "green", "warning": "yellow", "failed": "red"}
_COUNTED: Final[dict[Status, str]] = {
    "ok": "fine",
    "note": "noted",
    "warning": "to look at",
    "failed": "wrong",
    "skipped": "not examined",
}
_WIDEST: Final = 100


def write_answers(answers: Sequence[Answer], *, form: str) -> int:
    """Print `answers`; the exit code that they mean."""
    found = Counter(answer.verdict.status for answer in answers)
    if form == "json":
        click.echo(_json(answers))
    else:
        click.echo(_text(answers))
        counted = [f"{found[each]} {word}" for each, word in _COUNTED.items() if found[each]]
        click.echo(f"\n{', '.join(counted)}.")
    return FAILED if found["failed"] else 0


def _text(answers: Sequence[Answer]) -> str:
    return _sentences(answers) if is_plain(sys.stdout) else _columns(answers)


def _sentences(answers: Sequence[Answer]) -> str:
    """A line for each answer, and one for each thing to do."""
    lines = []
    for answer in _gathered(answers):
        about = ", ".join(part for part in (_COUNTED[answer.verdict.status], answer.name) if part)
        lines.append(f"{about.capitalize()}: {answer.verdict.what}")
        if answer.verdict.remedy:
            lines.append(f"To do: {answer.verdict.remedy}")
    return "\n".join(lines)


def _columns(answers: Sequence[Answer]) -> str:
    symbols = _SYMBOLS if _is_unicode() else _PLAIN
    names = max((len(answer.name) for answer in answers), default=0)
    words = max(map(len, _COUNTED))
    indent = " " * (2 + words + 2 + names + 2)
    width = max(40, min(_WIDEST, shutil.get_terminal_size().columns - 1)) - len(indent)
    lines = []
    for answer in _gathered(answers):
        verdict = answer.verdict
        status = f"{symbols[verdict.status]} {verdict.status:<{words}}"
        head = f"{_coloured(status, verdict.status)}  {answer.name:<{names}}  "
        said = [*_wrapped(verdict.what, width), *_wrapped(verdict.remedy, width, first="> ")]
        lines += [head + said[0], *(indent + line for line in said[1:])]
    return "\n".join(lines)


def _gathered(answers: Sequence[Answer]) -> Sequence[Answer]:
    """`answers`, with what was not examined for the same reason in one of them, at the end."""
    skipped: dict[str, list[str]] = {}
    for answer in answers:
        if answer.verdict.status == "skipped":
            skipped.setdefault(answer.verdict.what.rstrip("."), []).append(answer.name)
    return [
        *(answer for answer in answers if answer.verdict.status != "skipped"),
        *(
            Answer(name="", verdict=Verdict(status="skipped", what=f"{why}: {', '.join(names)}."))
            for why, names in skipped.items()
        ),
    ]


def _wrapped(text: str, width: int, *, first: str = "") -> Sequence[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _coloured(text: str, status: Status) -> str:
    colour = _COLOURS.get(status)
    if colour is None or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour)  # `echo` takes it out again where no terminal reads


def _is_unicode() -> bool:
    try:
        "".join(_SYMBOLS.values()).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _json(answers: Sequence[Answer]) -> str:
    worst = next(
        (
            status
            for status in ("failed", "warning")
            if any(answer.verdict.status == status for answer in answers)
        ),
        "ok",
    )
    checks = [
        {
            "name": answer.name,
            "status": answer.verdict.status,
            "what": answer.verdict.what,
            "remedy": answer.verdict.remedy,
        }
        for answer in answers
    ]
    return json.dumps({"status": worst, "checks": checks}, indent=2, ensure_ascii=False)
