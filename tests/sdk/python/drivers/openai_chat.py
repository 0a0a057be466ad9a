"""`openai`, Chat Completions."""

import json
from contextlib import contextmanager

import openai
from pydantic import BaseModel

from . import DESCRIPTION, PARAMETERS, SYSTEM, Answer, Turn


class Weather(BaseModel):
    town: str
    degrees: int


TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "description": DESCRIPTION, "parameters": PARAMETERS, "strict": True},
    }
]

THINKING = {"reasoning_effort": "low"}


def said(text: str) -> list:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


class Driver:
    name = "openai chat"
    errors = openai
    overloaded = 503

    def __init__(self, url: str, key: str, timeout: float = 30):
        self.url, self.key = url, key
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=timeout)
        self.completions = self.client.chat.completions

    def with_key(self, key: str):
        return Driver(self.url, key)

    def patient_for(self, seconds: float):
        return Driver(self.url, self.key, seconds)

    def ask(self, model, text, **more) -> Answer:
        return answer(self.completions.create(model=model, messages=said(text), **more))

    def conversation(self, model, texts) -> Answer:
        roles = ["user", "assistant"]
        messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
        first = [{"role": "developer", "content": SYSTEM}]
        return answer(self.completions.create(model=model, messages=first + messages))

    def streamed(self, model, text):
        pieces = []
        usage = {"include_usage": True}
        with self.completions.stream(model=model, messages=said(text), stream_options=usage) as stream:
            for event in stream:
                if event.type == "content.delta":
                    pieces.append(event.delta)
            return pieces, answer(stream.get_final_completion())

    def turn(self, model, text, stream, thinks) -> Turn:
        turn = Turn(history=said(text))
        messages = turn.history
        for _ in range(5):
            message = self.step(model, messages, stream, thinks).choices[0].message
            messages.append(message)
            if not message.tool_calls:
                turn.text = message.content
                return turn
            for call in message.tool_calls:
                result = turn.call(call.function.name, json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        raise AssertionError("the calls do not end")

    def loop(self, model, text, stream):
        return None

    def goes_on(self, model, turn, text) -> str:
        turn.history.append({"role": "user", "content": text})
        message = self.step(model, turn.history, False, True).choices[0].message
        turn.history.append(message)
        return message.content

    def step(self, model, messages, stream, thinks):
        request = {"model": model, "messages": messages, "tools": TOOLS, **(THINKING if thinks else {})}
        if not stream:
            return self.completions.create(**request)
        with self.completions.stream(**request) as events:
            return events.get_final_completion()

    def thoughts(self, model, text, stream):
        """Servers of this protocol tell thoughts in a field that the SDK does not know."""
        request = {"model": model, "messages": said(text), **THINKING}
        if not stream:
            message = self.completions.create(**request).choices[0].message
            return message.reasoning_content, message.content
        thought, words = "", ""
        for chunk in self.completions.create(**request, stream=True):
            delta = chunk.choices[0].delta
            thought += getattr(delta, "reasoning_content", None) or ""
            words += delta.content or ""
        return thought, words

    def picture(self, data):
        return self.picture_at(f"data:image/png;base64,{data}")

    def picture_at(self, url):
        return {"type": "image_url", "image_url": {"url": url}}

    def look(self, model, text, picture) -> Answer:
        content = [{"type": "text", "text": text}, picture]
        return answer(self.completions.create(model=model, messages=[{"role": "user", "content": content}]))

    def parsed(self, model, text) -> Weather:
        completion = self.completions.parse(model=model, messages=said(text), response_format=Weather)
        return completion.choices[0].message.parsed

    @contextmanager
    def open(self, model, text):
        with self.completions.create(model=model, messages=said(text), stream=True) as stream:
            yield (chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content)

    def asynchronous(self):
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)

    async def read(self, client, model, text, begun) -> str:
        words = ""
        async with await client.chat.completions.create(model=model, messages=said(text), stream=True) as stream:
            async for chunk in stream:
                begun.set()
                words += chunk.choices[0].delta.content or ""
        return words

    def broken_off(self, model, text) -> None:
        pieces = []
        try:
            with self.open(model, text) as stream:
                pieces.extend(stream)
        except openai.APIError as error:
            assert pieces and error.message, f"{pieces}: {error}"
            return
        raise AssertionError(f"no error after {pieces}")

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    def model(self, name) -> str:
        return self.client.models.retrieve(name).id


def answer(completion) -> Answer:
    choice, usage = completion.choices[0], completion.usage
    return Answer(choice.message.content, usage.prompt_tokens, usage.completion_tokens, choice.finish_reason)
