"""A headless Chromium, and what it makes of a page: document, complaints, pictures, paper."""

import os
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

BOUND = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Loaded:
    """A page after it was loaded: the document as it then was, and the lines of the console."""

    document: str
    console: list[str]


@dataclass(frozen=True)
class Picture:
    """How often each colour occurs, and the one in the upper left corner."""

    width: int
    height: int
    corner: Colour
    colours: Counter[Colour]


class Browser:
    """Opens files, each in a process of its own; it reaches no network."""

    def __init__(self, executable: str, folder: Path) -> None:
        self._executable = executable
        self._folder = folder

    def load(
        self,
        page: Path,
        *,
        fragment: str = "",
        width: int = 1000,
        scheme: Literal["light", "dark"] = "light",
    ) -> Loaded:
        ended = self._run(
            "--hide-scrollbars",
            f"--window-size={width},1000",
            _preferring(scheme),
            "--dump-dom",
            f"{page.as_uri()}{fragment}",
        )
        console = re.findall(r":CONSOLE[:(]\d+\)?\] (.*)", ended.stderr)
        return Loaded(document=ended.stdout, console=console)

    def picture(self, page: Path, *, scheme: Literal["light", "dark"]) -> Picture:
        file = self._folder / f"{page.stem}-{scheme}.png"
        self._run(
            "--hide-scrollbars",
            "--window-size=1000,1600",
            _preferring(scheme),
            f"--screenshot={file}",
            page.as_uri(),
        )
        return decoded(file.read_bytes())

    def printed_pages(self, page: Path) -> int:
        file = self._folder / f"{page.stem}.pdf"
        self._run("--no-pdf-header-footer", f"--print-to-pdf={file}", page.as_uri())
        return len(re.findall(rb"/Type\s*/Page\b", file.read_bytes()))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                self._executable,
                "--headless",
                "--no-sandbox",  # it cannot be had as root, as which a container runs the tests
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--force-device-scale-factor=1",
                "--enable-logging=stderr",
                f"--user-data-dir={self._folder / 'profile'}",
                *arguments,
            ],
            env={**os.environ, "HOME": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=True,
        )


def _preferring(scheme: Literal["light", "dark"]) -> str:
    return f"--blink-settings=preferredColorScheme={['dark', 'light'].index(scheme)}"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser that is installed."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        reason = "no Chromium is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Browser(executable, tmp_path_factory.mktemp("browser"))


def decoded(png: bytes) -> Picture:
    """A PNG of 8 bits per channel, not interlaced, with or without transparency.

    *Source*: PNG specification, third edition, sections 9 and 11.2.
    """
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    assert (depth, interlaced) == (8, 0)
    channels = {2: 3, 6: 4}[kind]
    packed, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            packed += png[place + 8 : place + 8 + length]
        place += length + 12
    raw, stride = zlib.decompress(packed), width * channels
    above, colours, corner = bytearray(stride), Counter[Colour](), (0, 0, 0)
    for number in range(height):
        start = number * (stride + 1)
        row = _unfiltered(
            raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, channels
        )
        pixels = list(zip(row[::channels], row[1::channels], row[2::channels], strict=True))
        colours.update(pixels)
        if number == 0:
            corner = pixels[0]
        above = row
    return Picture(width=width, height=height, corner=corner, colours=colours)


def _unfiltered(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    for place in range(len(row)):
        left = row[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        up = above[place]
        match kind:
            case 0:
                return row
            case 1:
                guess = left
            case 2:
                guess = up
            case 3:
                guess = (left + up) // 2
            case _:
                guess = min((left, up, corner), key=lambda each: abs(left + up - corner - each))
        row[place] = (row[place] + guess) & 0xFF
    return row
