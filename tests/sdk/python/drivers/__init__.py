"""One driver per SDK and protocol: the same words, said as that SDK says them."""

from dataclasses import dataclass, field
from typing import Any

SYSTEM = "Be kind."
DESCRIPTION = "The weather in a town"
PARAMETERS = {
    "type": "object",
    "properties": {"town": {"type": "string"}},
    "required": ["town"],
    "additionalProperties": False,
}


@dataclass
class Answer:
    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    finish: str = ""


@dataclass
class Turn:
    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    # What was said until then, as the SDK has it.
    history: list = field(default_factory=list)

    def call(self, name: str, arguments: Any) -> str:
        """Notes a call and answers it."""
        self.calls.append((name, arguments))
        return f"-3 degrees in {arguments['town']}"
