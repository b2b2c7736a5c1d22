"""`open_openai`: a model at OpenAI, or at any server that speaks its protocol."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from agents.errors import ModelRefusedError
from agents.model import Model

_HOST: Final = "api.openai.com"
_NO_KEY: Final = "none"


async def open_openai(
    name: str,
    *,
    api_key: str | None,
    base_url: str | None = None,
    timeout: float = 120.0,
    is_native: bool | None = None,
) -> Model:
    """The model `name`; nothing is sent yet.

    `base_url` is OpenAI's own if None. `api_key` may be None for a server of your own. `timeout` is
    seconds without a sign of life. `is_native` says whether the server enforces a JSON schema while
    the model may call tools; if None, what is known of the model decides.

    The libraries take seconds to import; that happens in a thread.

    Raises:
        ModelRefusedError: the key or the address cannot be right.
    """
    check_access(api_key=api_key, base_url=base_url)
    opened = partial(
        _open,
        name,
        api_key=(api_key or "").strip() or _NO_KEY,
        base_url=base_url,
        timeout=timeout,
        is_native=is_native,
    )
    thread = ThreadPoolExecutor(1, thread_name_prefix="open-model")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, opened)
    finally:
        thread.shutdown(wait=False)


def check_access(*, api_key: str | None, base_url: str | None) -> None:
    """Refuse a key or an address that cannot be one.

    Raises:
        ModelRefusedError: the message says which.
    """
    if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
        raise ModelRefusedError("OPENAI_API_KEY has characters that no key has: copy it again.")
    if base_url is None:
        return
    try:
        parts = urlsplit(base_url)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # the port is no number, or a bracket is missing
        is_usable = False
    if not is_usable:
        raise ModelRefusedError(
            "OPENAI_BASE_URL is no address: it looks like https://api.openai.com/v1."
        )


def _open(
    name: str, *, api_key: str, base_url: str | None, timeout: float, is_native: bool | None
) -> Model:
    from openai import DefaultAsyncHttpxClient

    from agents.models.langchain import LangchainModel
    from agents.models.openai_chat import OpenAIChat

    async def key() -> str:
        return api_key

    # A client of its own: LangChain shares one among all models and event loops of a process.
    client = DefaultAsyncHttpxClient(timeout=timeout)
    chat = OpenAIChat(
        model=name,
        api_key=key,  # as a function it is in no representation, and no second client is made
        base_url=base_url,
        http_async_client=client,
        timeout=timeout,
        stream_chunk_timeout=0,  # its wait loses a cancellation that meets a piece of text
        max_retries=0,
        stream_usage=True,
        cache=False,
    )
    address = urlsplit(str(chat.root_async_client.base_url))
    is_openai = address.hostname == _HOST
    if not is_openai:
        chat.use_responses_api = False
    known = chat.profile or {}
    if is_native is None:
        is_native = known.get("structured_output", is_openai)
    digest = sha256(api_key.encode()).hexdigest()[:8]
    return LangchainModel(
        chat,
        name=f"openai:{name}",
        endpoint=f"openai:{name}@{address.netloc.rpartition('@')[2]} key-{digest}",
        is_native=is_native,
        settings={"temperature": 0} if known.get("temperature", not is_openai) else {},
        secret="" if api_key == _NO_KEY else api_key,
        close=client.aclose,
    )
