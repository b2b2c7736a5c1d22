"""What a process has to think with: a model behind its gateway, and the prompts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from agents.domain.usage import Budget, Price
from agents.model import Model
from agents.progress import watched
from agents.reasoning.fallback import Outcome, Question, ask
from agents.reasoning.model_gateway import ModelGateway, Reasoner
from agents.reasoning.prompt import Prompt, Prompts
from agents.reasoning.purse import Purse
from agents.throttle import Throttle
from bus import AgentMessage, MessageBus, Principal

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKit:
    """A model and what goes with it, as a process was given them. `prices` are by model name."""

    model: Model
    prompts: Prompts
    throttle: Throttle
    prices: Mapping[str, Price]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who puts questions: `role`, for `message`, on behalf of `principal`, until `deadline`.

    `account` names the purse: what was spent under that name before counts against `budget`.
    """

    role: str
    message: AgentMessage[Any]
    principal: Principal
    deadline: datetime
    budget: Budget
    account: str
    task_id: str | None = None
    is_fresh: bool = False


class Reasoning:
    """Puts questions to the model of this process."""

    def __init__(self, *, bus: MessageBus, gateway: ModelGateway, prompts: Prompts) -> None:
        self.prompts = prompts
        self.model_name = gateway.model.name
        self._bus = bus
        self._gateway = gateway

    async def ask(
        self, question: Question[A], *, prompt: Prompt, asker: Asker
    ) -> tuple[Outcome[A], Purse]:
        """The outcome and the purse it was paid from; who watches is told what the model writes."""
        purse = await Purse.open(self._bus.ledger, asker.account, asker.budget, self._gateway.price)
        reasoner = Reasoner(
            name=asker.role,
            message=asker.message,
            principal=asker.principal,
            deadline=asker.deadline,
            purpose=question.purpose,
            prompt=prompt.used,
            purse=purse,
            task_id=asker.task_id,
            is_fresh=asker.is_fresh,
        )
        async with watched(self._bus, asker.message, asker.role) as listen:
            outcome = await ask(
                self._gateway,
                question,
                reasoner=reasoner,
                now=self._bus.clock.now,
                listen=listen,
            )
        return outcome, purse
