"""A provider of models as a process of its own, which a test may kill and start on its old port."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.openai_replies import Request

KEY = "sk-test-7Yq2vLk9TzW4"
"""What the provider is given as a key; nobody else should ever see it."""
MODEL = "openai:gpt-4o-mini"

_BOUND = 120.0
_LOOK = 0.02


class ModelProcess:
    """Speaks at `url` while it lives; `requests` are all that came since the first start."""

    def __init__(self, folder: Path) -> None:
        self._port = 0
        self._log = folder / "provider.jsonl"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """What has a process of `convener` ask it."""
        return {
            "CONVENER_MODEL": MODEL,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": self.url,
            "NO_PROXY": "127.0.0.1",
        }

    @property
    def requests(self) -> Sequence[Request]:
        if not self._log.exists():
            return ()
        whole, _, _ = self._log.read_text(encoding="utf-8").rpartition("\n")
        return [Request(**json.loads(line)) for line in whole.splitlines()]

    def asked_for(self, form: str) -> int:
        """How many requests wanted an answer of that form, such as `Assessment`."""
        return sum(request.form == form for request in self.requests)

    async def start(self, script: str = "panel") -> None:
        """Have it follow `script`, one of `tests.support.openai_panel`, from now on."""
        await self.kill()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.openai_server"),
            *("--port", str(self._port), "--script", script, "--log", str(self._log)),
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(_BOUND):
            self._port = int(await self._process.stdout.readline())

    async def kill(self) -> None:
        """End it without warning, in the middle of whatever it says."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def until_asked(self, times: int) -> None:
        """Wait until that many requests came."""
        async with asyncio.timeout(_BOUND):
            while len(self.requests) < times:
                await asyncio.sleep(_LOOK)


@asynccontextmanager
async def model_process(folder: Path) -> AsyncIterator[ModelProcess]:
    """A provider that was started with the script `panel`; its log lies in `folder`."""
    provider = ModelProcess(folder)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.kill()
