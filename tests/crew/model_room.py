"""Both vendors' loopback servers behind one name, with a brain that each test chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model_servers.conversation import Conversation
from model_servers.loopback import LoopbackServer
from model_servers.script import Brain, Planned, Sensible, Step, Turn

TASK = "Task: paying"
KEY = "none"  # what the engine tells a server of one's own when no key is set

FINISH = Turn("All payments are taken.")


@dataclass
class ModelRoom:
    """One model server, as `--model` names it."""

    provider: str
    server: LoopbackServer

    def think(self, brain: Brain) -> None:
        """Give it a brain, and forget what was asked before."""
        self.server.brain = brain
        self.server.requests.clear()
        self.server.refusals.clear()
        self.server.request_count = 0

    def name(self, model: str = "small") -> str:
        return f"{self.provider}:{model}@{self.server.url}"

    @property
    def requests(self) -> list[Conversation]:
        return self.server.requests


def plan(*steps: Step, finish: Step = FINISH) -> Planned:
    """A model that takes these steps in the task of taking payments."""
    return Planned({TASK: steps}, finish=finish)


def sensible(*steps: Step, finish: Step = FINISH) -> Sensible:
    return Sensible(plan(*steps, finish=finish))


def pays(**arguments: Any) -> Turn:
    return Turn("Paying.", calls=[("pay", {"dataset": "payments", **arguments})])


competent = sensible(pays())
