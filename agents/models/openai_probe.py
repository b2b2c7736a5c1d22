"""Asking a model's server for the list of its models: free of charge, and it judges the key."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from agents.errors import ModelUnavailableError
from bus.logs.redaction import without_password

OPENAI: Final = "https://api.openai.com/v1"

_TIMEOUT: Final = 4.0
_MAX_LISTED: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the server said: its HTTP status, and the models that it listed, if any."""

    status: int
    models: Collection[str]


async def listed_models(*, api_key: str | None, base_url: str | None) -> Listing:
    """What the server of `base_url`, OpenAI's own if None, lists for whoever has the key.

    No redirect is followed, so the key goes nowhere else.

    Raises:
        ModelUnavailableError: it does not answer; the message says why.
    """
    import httpx2

    url = f"{(base_url or OPENAI).rstrip('/')}/models"
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
            answer = await client.get(url, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        reason = (str(error) or type(error).__name__).rstrip(".")
        shown = without_password(url)
        raise ModelUnavailableError(f"Nothing answers at {shown}: {reason}.") from error
    if answer.status_code != httpx2.codes.OK or len(answer.content) > _MAX_LISTED:
        return Listing(status=answer.status_code, models=())
    return Listing(status=answer.status_code, models=_ids(answer.content))


def _ids(body: bytes) -> Collection[str]:
    try:
        listed = json.loads(body)
    except ValueError:
        return ()
    models = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(models, list):
        return ()
    return {str(each["id"]) for each in models if isinstance(each, dict) and "id" in each}
