"""`anthropic`, Messages."""

from contextlib import contextmanager

import anthropic

from . import DESCRIPTION, PARAMETERS, SYSTEM, Answer, Turn
from .openai_chat import Weather

TOOLS = [{"name": "weather", "description": DESCRIPTION, "input_schema": PARAMETERS}]
MAX_TOKENS = 2000
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


class Driver:
    name = "anthropic messages"
    errors = anthropic
    overloaded = 529

    def __init__(self, url: str, key: str, timeout: float = 30):
        self.url, self.key = url, key
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=timeout)
        self.messages = self.client.messages

    def with_key(self, key: str):
        return Driver(self.url, key)

    def patient_for(self, seconds: float):
        return Driver(self.url, self.key, seconds)

    def ask(self, model, text, **more) -> Answer:
        more = {"system": SYSTEM, "max_tokens": MAX_TOKENS, **more}
        if "temperature" in more:
            more["extra_body"] = {"temperature": more.pop("temperature")}
        return answer(self.messages.create(model=model, messages=[said(text)], **more))

    def conversation(self, model, texts) -> Answer:
        roles = ["user", "assistant"]
        messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
        system = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
        return answer(self.messages.create(model=model, max_tokens=MAX_TOKENS, system=system, messages=messages))

    def streamed(self, model, text):
        with self.messages.stream(model=model, max_tokens=MAX_TOKENS, messages=[said(text)]) as stream:
            return list(stream.text_stream), answer(stream.get_final_message())

    def turn(self, model, text, stream, thinks) -> Turn:
        turn = Turn(history=[said(text)])
        messages = turn.history
        for _ in range(5):
            message = self.step(model, messages, stream, thinks)
            messages.append({"role": "assistant", "content": message.content})
            if message.stop_reason != "tool_use":
                turn.text = answer(message).text
                return turn
            calls = [block for block in message.content if block.type == "tool_use"]
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": turn.call(call.name, call.input)}
                for call in calls
            ]
            messages.append({"role": "user", "content": results})
        raise AssertionError("the calls do not end")

    def loop(self, model, text, stream) -> Turn:
        turn = Turn()

        def weather(town: str) -> str:
            return turn.call("weather", {"town": town})

        tools = [anthropic.beta_tool(weather, description=DESCRIPTION)]
        request = {"model": model, "max_tokens": MAX_TOKENS, "messages": [said(text)], "tools": tools}
        runner = self.client.beta.messages.tool_runner(**request, stream=stream)
        turn.text = answer(runner.until_done()).text
        return turn

    def goes_on(self, model, turn, text) -> str:
        turn.history.append(said(text))
        message = self.step(model, turn.history, False, True)
        turn.history.append({"role": "assistant", "content": message.content})
        return answer(message).text

    def step(self, model, messages, stream, thinks):
        request = {"model": model, "max_tokens": MAX_TOKENS, "messages": messages, "tools": TOOLS}
        request |= THINKING if thinks else {}
        if not stream:
            return self.messages.create(**request)
        with self.messages.stream(**request) as events:
            return events.get_final_message()

    def thoughts(self, model, text, stream):
        adaptive = {"thinking": {"type": "adaptive"}}
        request = {"model": model, "max_tokens": MAX_TOKENS, "messages": [said(text)], **adaptive}
        if stream:
            with self.messages.stream(**request) as events:
                message = events.get_final_message()
        else:
            message = self.messages.create(**request)
        thoughts = [block for block in message.content if block.type == "thinking"]
        return "".join(block.thinking for block in thoughts), answer(message).text

    def picture(self, data):
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}

    def picture_at(self, url):
        return {"type": "image", "source": {"type": "url", "url": url}}

    def look(self, model, text, picture) -> Answer:
        content = [picture, {"type": "text", "text": text}]
        messages = [{"role": "user", "content": content}]
        return answer(self.messages.create(model=model, max_tokens=MAX_TOKENS, messages=messages))

    def parsed(self, model, text) -> Weather:
        request = {"model": model, "max_tokens": MAX_TOKENS, "messages": [said(text)]}
        return self.messages.parse(**request, output_format=Weather).parsed_output

    @contextmanager
    def open(self, model, text):
        with self.messages.stream(model=model, max_tokens=MAX_TOKENS, messages=[said(text)]) as stream:
            yield stream.text_stream

    def asynchronous(self):
        return anthropic.AsyncAnthropic(base_url=self.url, api_key=self.key, max_retries=0)

    async def read(self, client, model, text, begun) -> str:
        async with client.messages.stream(model=model, max_tokens=MAX_TOKENS, messages=[said(text)]) as stream:
            async for _ in stream:
                begun.set()
            return answer(await stream.get_final_message()).text

    def broken_off(self, model, text) -> None:
        pieces = []
        try:
            with self.open(model, text) as stream:
                pieces.extend(stream)
        except anthropic.APIError as error:
            assert pieces and error.message, f"{pieces}: {error}"
            return
        raise AssertionError(f"no error after {pieces}")

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list(limit=100)]

    def model(self, name) -> str:
        counted = self.messages.count_tokens(model=name, messages=[said("say hello")])
        assert counted.input_tokens > 0, counted
        return self.client.models.retrieve(name).id


def said(text: str) -> dict:
    return {"role": "user", "content": text}


def answer(message) -> Answer:
    text = "".join(block.text for block in message.content if block.type == "text")
    finish = {"end_turn": "stop"}.get(message.stop_reason, message.stop_reason)
    return Answer(text, message.usage.input_tokens, message.usage.output_tokens, finish)
