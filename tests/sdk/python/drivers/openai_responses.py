"""`openai`, Responses."""

import json
from contextlib import contextmanager

import openai
from openai.lib.responses_tool_runner import RegisteredFunction, ResponsesToolRunner

from . import DESCRIPTION, PARAMETERS, SYSTEM, Answer, Turn
from .openai_chat import Weather

TOOLS = [
    {"type": "function", "name": "weather", "description": DESCRIPTION, "parameters": PARAMETERS, "strict": True}
]
# Without the encrypted reasoning a provider that stores nothing cannot take its answer back.
KEPT_HERE = {"store": False, "include": ["reasoning.encrypted_content"]}
THINKING = {"reasoning": {"effort": "low", "summary": "auto"}}


class Driver:
    name = "openai responses"
    errors = openai
    overloaded = 503

    def __init__(self, url: str, key: str, timeout: float = 30):
        self.url, self.key = url, key
        self.client = openai.OpenAI(base_url=f"{url}/openai/v1", api_key=key, max_retries=0, timeout=timeout)
        self.responses = self.client.responses

    def with_key(self, key: str):
        return Driver(self.url, key)

    def patient_for(self, seconds: float):
        return Driver(self.url, self.key, seconds)

    def ask(self, model, text, **more) -> Answer:
        return answer(self.responses.create(model=model, instructions=SYSTEM, input=text, **more))

    def conversation(self, model, texts) -> Answer:
        roles = ["user", "assistant"]
        items = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
        first = self.responses.create(model=model, instructions=SYSTEM, input=texts[0])
        try:
            chained = self.responses.create(
                model=model, instructions=SYSTEM, input=texts[-1], previous_response_id=first.id
            )
            assert chained.output_text == "Goodbye.", chained
        except openai.BadRequestError as error:
            # Only a provider of this protocol keeps its answers.
            assert error.code == "previous_response_not_found", error
            assert error.param == "previous_response_id", error
        return answer(self.responses.create(model=model, instructions=SYSTEM, input=items))

    def streamed(self, model, text):
        pieces = []
        with self.responses.stream(model=model, instructions=SYSTEM, input=text) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    pieces.append(event.delta)
            return pieces, answer(stream.get_final_response())

    def turn(self, model, text, stream, thinks) -> Turn:
        turn = Turn(history=[{"role": "user", "content": text}])
        items = turn.history
        for _ in range(5):
            response = self.step(model, items, stream, thinks)
            items.extend(response.output)
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                turn.text = response.output_text
                return turn
            for call in calls:
                result = turn.call(call.name, json.loads(call.arguments))
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
        raise AssertionError("the calls do not end")

    def loop(self, model, text, stream) -> Turn:
        turn = Turn()
        weather = RegisteredFunction(TOOLS[0], lambda arguments: turn.call("weather", arguments))
        request = {"model": model, "input": [{"role": "user", "content": text}], **KEPT_HERE}
        runner = ResponsesToolRunner(functions=[weather])
        turn.text = runner.run(self.client, request, stream=stream).output_text
        return turn

    def goes_on(self, model, turn, text) -> str:
        turn.history.append({"role": "user", "content": text})
        response = self.step(model, turn.history, False, True)
        turn.history.extend(response.output)
        return response.output_text

    def step(self, model, items, stream, thinks):
        # Without the settings the provider keeps its answers, and is sent them all the same.
        request = {"model": model, "input": items, "tools": TOOLS, **(KEPT_HERE | THINKING if thinks else {})}
        if not stream:
            return self.responses.create(**request)
        with self.responses.stream(**request) as events:
            return events.get_final_response()

    def thoughts(self, model, text, stream):
        request = {"model": model, "input": text, **THINKING}
        if stream:
            with self.responses.stream(**request) as events:
                response = events.get_final_response()
        else:
            response = self.responses.create(**request)
        items = [item for item in response.output if item.type == "reasoning"]
        return "".join(part.text for item in items for part in item.summary), response.output_text

    def picture(self, data):
        return self.picture_at(f"data:image/png;base64,{data}")

    def picture_at(self, url):
        return {"type": "input_image", "detail": "auto", "image_url": url}

    def look(self, model, text, picture) -> Answer:
        content = [{"type": "input_text", "text": text}, picture]
        return answer(self.responses.create(model=model, input=[{"role": "user", "content": content}]))

    def parsed(self, model, text) -> Weather:
        return self.responses.parse(model=model, input=text, text_format=Weather).output_parsed

    @contextmanager
    def open(self, model, text):
        with self.responses.create(model=model, input=text, stream=True) as stream:
            yield (event.delta for event in stream if event.type == "response.output_text.delta")

    def asynchronous(self):
        return openai.AsyncOpenAI(base_url=f"{self.url}/openai/v1", api_key=self.key, max_retries=0)

    async def read(self, client, model, text, begun) -> str:
        async with client.responses.stream(model=model, input=text) as stream:
            async for _ in stream:
                begun.set()
            return (await stream.get_final_response()).output_text

    def broken_off(self, model, text) -> None:
        """Not an exception here: the events tell it, and no helper has an answer to give."""
        with self.responses.stream(model=model, input=text) as stream:
            try:
                kinds = [event.type for event in stream]
            except openai.APIError as error:
                assert error.message, error
                return
            assert kinds[-1] in ("response.failed", "error"), kinds
            try:
                final = stream.get_final_response()
            except RuntimeError:
                return
            raise AssertionError(f"no error but {final}")

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    def model(self, name) -> str:
        return self.client.models.retrieve(name).id


def answer(response) -> Answer:
    finish = {"completed": "stop"}.get(response.status, response.status)
    return Answer(response.output_text, response.usage.input_tokens, response.usage.output_tokens, finish)
