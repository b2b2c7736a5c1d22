"""`OpenAIChat`: LangChain's client of OpenAI, speaking to whoever speaks its protocol.

*Not here*: how it is opened without blocking the loop; that is `agents.models.openai`.
"""

from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI


class OpenAIChat(ChatOpenAI):
    """A chat whose replies are streamed as they are and parsed by nobody on the way."""

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **settings: Any
    ) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, stop=stop, **settings)
        if "response_format" in payload:
            # As a parameter of its own it makes the client parse the reply, refuse tools that are
            # not strict, and raise where an answer was cut off.
            extra = dict(payload.get("extra_body") or {})
            payload["extra_body"] = {**extra, "response_format": payload.pop("response_format")}
        if not self.profile and "max_completion_tokens" in payload:
            # Servers of other models mostly know the older name alone.
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        return payload

    def _convert_chunk_to_generation_chunk(
        self,
        chunk: dict[str, Any],
        default_chunk_class: type[BaseMessageChunk],
        base_generation_info: dict[str, Any] | None,
    ) -> ChatGenerationChunk | None:
        generation = super()._convert_chunk_to_generation_chunk(
            chunk, default_chunk_class, base_generation_info
        )
        choices = chunk.get("choices")
        refusal = (choices[0].get("delta") or {}).get("refusal") if choices else None
        if generation is not None and refusal:
            generation.message.additional_kwargs["refusal"] = refusal
        return generation
