"""Every setting: how it is named, what it means, and where its value comes from here and now."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from agents.setting_names import FILE, SETTINGS, Setting

_WIDTH: Final = 80
_INDENT: Final = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class InEffect:
    """A setting with its value as it may be shown, and what gave it; both empty by default."""

    setting: Setting
    value: str = ""
    source: str = ""


def in_effect(
    *, options: Mapping[str, Any], environment: Mapping[str, str], written: Mapping[str, Any]
) -> Sequence[InEffect]:
    """Each setting with the first value that an option, the environment or the file gives it."""
    return [_found(each, options, environment, written) for each in SETTINGS]


def _found(
    setting: Setting,
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    written: Mapping[str, Any],
) -> InEffect:
    given = (
        (setting.option, options.get(setting.option.removeprefix("--"))),
        (setting.variable, environment.get(setting.variable)),
        (FILE, _below(written, setting.key)),
    )
    for source, value in given:
        if source and value:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            return InEffect(setting=setting, value=setting.shown(text), source=source)
    return InEffect(setting=setting)


def _below(table: Mapping[str, Any], key: str) -> Any:
    value: Any = table
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def write_settings(found: Sequence[InEffect], *, form: str) -> None:
    """Print them as paragraphs or as JSON."""
    if form == "json":
        click.echo(json.dumps([_as_json(each) for each in found], indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(line for each in found for line in _lines(each)))


def _as_json(found: InEffect) -> Mapping[str, str]:
    setting = found.setting
    return {
        "key": setting.key,
        "variable": setting.variable,
        "option": setting.option,
        "meaning": setting.meaning,
        "value": found.value,
        "source": found.source,
    }


def _lines(found: InEffect) -> Sequence[str]:
    setting = found.setting
    names = [name for name in (setting.key, setting.variable, setting.option) if name]
    now = f"now {found.value} ({found.source})" if found.source else ""
    return [", ".join(names), *_wrapped(setting.meaning), *_wrapped(now)]


def _wrapped(text: str) -> Sequence[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
