"""`LangchainModel`: the seam to models over any chat model of LangChain, as an agent with tools.

*Guarantees*: the gate sees every exchange before it is made; two equal runs show it equal
exchanges; a cancelled answer cancels the request that is under way.

*Not here*: retries, time limits and money; those are the gate's.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langgraph.errors import GraphRecursionError
from pydantic import BaseModel, JsonValue

from agents.errors import ModelAnswerError
from agents.model import Brief, Gate, Listen
from agents.models.answering import Answering
from agents.models.gated_chat import GatedChat

A = TypeVar("A", bound=BaseModel)


class LangchainModel:
    """One chat model.

    `is_native` says that its provider enforces a schema of the answer and lets it call tools at the
    same time; otherwise the answer comes as the arguments of a tool call. `settings` go with each
    exchange. `secret` is kept out of what errors say. `close` is called once.
    """

    def __init__(
        self,
        chat: BaseChatModel,
        *,
        name: str,
        endpoint: str,
        is_native: bool = False,
        settings: Mapping[str, JsonValue] | None = None,
        secret: str = "",
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._chat = chat
        self._name = name
        self._endpoint = endpoint
        self._is_native = is_native
        self._settings = dict(settings or {})
        self._secret = secret
        self._close = close

    @property
    def name(self) -> str:
        """As the user named it."""
        return self._name

    @property
    def endpoint(self) -> str:
        """What stands and falls together: model, host and key, the key as a digest."""
        return self._endpoint

    async def answer(self, brief: Brief[A], *, gate: Gate, listen: Listen) -> A:
        """The model's answer; see `agents.model.Model`.

        An answer that does not keep to the form may be put right once, if an exchange is left.
        """
        answering = Answering(brief, model=self._name, is_native=self._is_native)
        chat = GatedChat(
            chat=self._chat,
            gate=gate,
            listen=listen,
            model_name=self._name,
            form=answering.form,
            max_output_tokens=brief.max_output_tokens,
            settings=self._settings,
            secret=self._secret,
            cache=False,
        )
        agent = create_agent(
            chat,
            answering.agent_tools,
            system_prompt=brief.system,
            response_format=answering.response_format,
            middleware=[answering],
        )
        try:
            await agent.ainvoke(
                {"messages": [HumanMessage(brief.material)]},
                {"recursion_limit": 2 * brief.max_exchanges + 10},
            )
        except GraphRecursionError as error:
            raise ModelAnswerError(
                f"{self._name} gave no answer: it went round in circles."
            ) from error
        if answering.answer is None:
            raise ModelAnswerError(f"{self._name} gave no answer: it stopped without one.")
        return answering.answer

    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""
        close, self._close = self._close, None
        if close is not None:
            await close()
