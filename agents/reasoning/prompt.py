"""Prompts: the standing instructions to a model, in files, by role and kind of data.

A prompt is `ROLE.batch.md` or `ROLE.streaming.md`, for a role without a file of its own
`specialist.….md`, followed by `rules.md`. A user's folder goes before the built-in one, file by
file. `$title` and `$characteristics` are filled in; everything else stands as it is written.

*Guarantees*: the version of a prompt is a digest of its files, so that a recorded call says which
text it was made with. Nothing that comes from data is ever part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from agents.domain.call import PromptUsed
from agents.domain.request import Characteristics
from agents.domain.task import RouteKind
from agents.errors import AgentUsageError

RULES: Final = "rules.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt ready to be sent, and what names its text in the record."""

    text: str
    used: PromptUsed


class Prompts:
    """The texts by file name; made by `load_prompts`."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def examination(
        self,
        role: str,
        kind: RouteKind,
        *,
        title: str,
        characteristics: Characteristics,
        addition: str = "",
    ) -> Prompt:
        """That of a specialist; `addition` is its own standing instruction."""
        own = f"{role}.{kind}.md"
        name = own if own in self.texts else f"specialist.{kind}.md"
        return self._made(name, title, _stated(characteristics), addition)

    def synthesis(self, kind: RouteKind, *, characteristics: Characteristics) -> Prompt:
        """That of the chair of the panel."""
        return self._made(f"synthesis.{kind}.md", "", _stated(characteristics), "")

    def dispute(self, *, title: str) -> Prompt:
        """That of a specialist who is asked about a conflict."""
        return self._made("dispute.md", title, "", "")

    def _made(self, name: str, title: str, characteristics: str, addition: str) -> Prompt:
        parts = [part for part in (self.texts[name], addition, self.texts[RULES]) if part]
        version = blake2b("\x1f".join(parts).encode(), digest_size=6).hexdigest()
        filled = [
            Template(part).safe_substitute(title=title, characteristics=characteristics).strip()
            for part in parts
        ]
        return Prompt(text="\n\n".join(filled), used=PromptUsed(name=name, version=version))


def load_prompts(folder: Path | None = None) -> Prompts:
    """The built-in prompts, and over them the `.md` files of `folder`.

    Raises:
        AgentUsageError: the folder or a file in it cannot be read.
    """
    built_in = resources.files("agents").joinpath("prompts")
    texts = {
        file.name: file.read_text(encoding="utf-8")
        for file in built_in.iterdir()
        if file.name.endswith(".md")
    }
    if folder is not None:
        try:
            own = {
                file.name: file.read_text(encoding="utf-8")
                for file in sorted(folder.iterdir())
                if file.suffix == ".md"
            }
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "one is not UTF-8"
            raise AgentUsageError(
                f"The prompts in {folder} cannot be read ({reason}): see CONVENER_PROMPTS."
            ) from error
        texts |= own
    return Prompts(texts)


def _stated(characteristics: Characteristics) -> str:
    """What the requester says of the data, in one sentence; nothing if nothing was said."""
    words = {
        "events_per_second": "{:g} events per second",
        "latency_seconds": "a latency of {:g} s",
        "error_rate": "an error rate of {:.3g}",
        "volume_bytes": "a volume of {:,} bytes",
        "processing_hours": "{:g} hours of processing",
        "success_rate": "a success rate of {:.3g}",
    }
    said = [
        form.format(value)
        for name, form in words.items()
        if (value := getattr(characteristics, name)) is not None
    ]
    if not said:
        return ""
    return f"The requester states: {', '.join(said)}. Hold the measurements against that."
