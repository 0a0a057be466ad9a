"""What every SDK has to manage with every model. The words that are said choose the provider's answer;
`tests/sdk/src/script.rs` has the answers."""

import asyncio
import base64
import itertools
import os

import simulator

HELLO = "Grüße, 世界! This comes in several pieces."
WEATHER = "It is cold in Oslo."
TWO_TOWNS = "Oslo is colder than Rome."
RED_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
PICTURE = "https://pictures.example/red-dot.png"
THOUGHT = "What is it about?"
# How long the provider may go on after its client went away.
STOPPED_WITHIN = 0.1


def same(found, expected, what: str = "") -> None:
    assert found == expected, f"{what or 'found'}: {found!r}, not {expected!r}"


def chat(driver, model):
    answer = driver.ask(model, "say hello")
    same(answer.text, HELLO)
    same((answer.input_tokens, answer.output_tokens), (20, 5), "usage")
    same(answer.finish, "stop", "finish")
    same(driver.conversation(model, ["say hello", HELLO, "say goodbye"]).text, "Goodbye.")
    assert "Be kind." in simulator.sent(), "the system prompt is missing"


def streaming(driver, model):
    pieces, answer = driver.streamed(model, "say hello")
    same("".join(pieces), HELLO)
    same(answer.text, HELLO)
    assert len(pieces) > 5, f"only {len(pieces)} pieces"
    same((answer.input_tokens, answer.output_tokens), (20, 5), "usage")


def tools(driver, model):
    # Providers that were asked to think want their thoughts back beside the results.
    for stream, thinks in itertools.product((False, True), repeat=2):
        turn = driver.turn(model, "the weather in one town", stream, thinks)
        same(turn.calls, [("weather", {"town": "Oslo"})])
        same(turn.text, WEATHER)
        assert "-3 degrees in Oslo" in simulator.sent(), "the result is missing"
    return "whole and streamed, with and without thinking"


def tool_loop(driver, model):
    """The SDK calls the tools itself, where it has a loop for that."""
    for stream in (False, True):
        turn = driver.loop(model, "the weather in two towns", stream)
        if turn is None:
            return "none in this SDK"
        same(sorted(arguments["town"] for _, arguments in turn.calls), ["Oslo", "Rome"])
        same(turn.text, TWO_TOWNS)
    return "whole and streamed"


def parallel_tools(driver, model):
    for stream in (False, True):
        turn = driver.turn(model, "the weather in two towns", stream, True)
        same(turn.calls, [("weather", {"town": "Oslo"}), ("weather", {"town": "Rome"})])
        same(turn.text, TWO_TOWNS)
        same(len(simulator.requests()), 2, "requests")
        sent = simulator.sent()
        assert "-3 degrees in Oslo" in sent and "-3 degrees in Rome" in sent, "a result is missing"
        simulator.clear()
    return "whole and streamed"


def images(driver, model):
    assert base64.b64decode(RED_DOT).startswith(b"\x89PNG")
    same(driver.look(model, "what is in the picture", driver.picture(RED_DOT)).text, "A red dot.")
    assert RED_DOT in simulator.sent(), "the provider did not get the picture"
    same(driver.look(model, "what is in the picture", driver.picture_at(PICTURE)).text, "A red dot.")
    assert PICTURE in simulator.sent(), "the provider did not get the address of the picture"
    return "bytes and address"


def structured_output(driver, model):
    weather = driver.parsed(model, "the weather as an object")
    same((weather.town, weather.degrees), ("Oslo", -3))
    sent = simulator.sent()
    assert "degrees" in sent and "json_schema" in sent, "the provider did not get the schema"


def reasoning(driver, model):
    for stream in (False, True):
        same(driver.thoughts(model, "think first", stream), (THOUGHT, "I see."))
    return "whole and streamed"


def hand_over(driver, model):
    """A conversation with thoughts and calls goes on with each of the other models, and back again."""
    for other in os.environ["MODELS"].split(","):
        turn = driver.turn(model, "the weather in one town", False, True)
        same(driver.goes_on(other, turn, "say hello"), HELLO, f"on {other}")
        same(driver.goes_on(model, turn, "say goodbye"), "Goodbye.", f"back from {other}")


def errors(driver, model):
    kinds = driver.errors
    stranger = driver.with_key("nobody's")
    refused(kinds.NotFoundError, 404, lambda: driver.ask("nobody", "say hello"))
    refused(kinds.AuthenticationError, 401, lambda: stranger.ask(model, "say hello"))
    same(simulator.requests(), [], "requests of what is wrong")
    refused(kinds.BadRequestError, 400, lambda: driver.ask(model, "say hello", temperature="hot"))
    limited = refused(kinds.RateLimitError, 429, lambda: driver.ask(model, "too many requests"))
    same(limited.response.headers["retry-after"], "30", "retry-after")
    refused(kinds.BadRequestError, 400, lambda: driver.ask(model, "too long a prompt"))
    refused(kinds.PermissionDeniedError, 403, lambda: driver.ask(model, "the key is wrong"))
    refused(kinds.InternalServerError, 500, lambda: driver.ask(model, "it is broken"))
    refused(kinds.InternalServerError, driver.overloaded, lambda: driver.ask(model, "it is overloaded"))
    refused(kinds.RateLimitError, 429, lambda: driver.streamed(model, "too many requests"))
    driver.broken_off(model, "break off")
    same(driver.ask(model, f"stumble once, {driver.name} on {model}").text, "Here I am.")
    return "404 401 400 429 403 500 overloaded, in the stream, tried again"


def refused(kind, status: int, ask):
    try:
        answer = ask()
    except kind as error:
        same(error.status_code, status, "status")
        assert error.request_id, "no request id"
        assert str(error.body), "no body"
        return error
    raise AssertionError(f"no {kind.__name__} but {answer!r}")


def cancellation(driver, model):
    with driver.open(model, "never end") as pieces:
        first = next(iter(pieces))
        assert first, "nothing was said"
        same(simulator.get("stats")["in_flight"], 1, "requests under way")
    in_stream = stopped()
    simulator.clear()
    # A client that has waited long enough.
    try:
        driver.patient_for(3).ask(model, "never begin")
    except driver.errors.APITimeoutError:
        before = stopped()
    simulator.clear()
    # A task of many, which others go on without.
    asyncio.run(leave_one(driver, model))
    of_task = stopped()
    return f"{in_stream * 1000:.0f} ms, {before * 1000:.0f} ms, {of_task * 1000:.0f} ms"


async def leave_one(driver, model) -> None:
    async with driver.asynchronous() as client:
        begun = asyncio.Event()
        endless = asyncio.create_task(driver.read(client, model, "never end", begun))
        others = [driver.read(client, model, "say hello", asyncio.Event()) for _ in range(4)]
        same(await asyncio.gather(*others), [HELLO] * 4)
        await asyncio.wait_for(begun.wait(), simulator.PATIENCE)
        endless.cancel()
        try:
            await endless
        except asyncio.CancelledError:
            return
        raise AssertionError("the task has ended")


def stopped() -> float:
    seconds = simulator.stopped_after()
    assert "abandoned" in {request["outcome"] for request in simulator.requests()}, "not one was stopped"
    # A busy machine is no error; a provider that is asked on is.
    assert seconds < STOPPED_WITHIN * 10, f"the provider went on for {seconds:.3f} s"
    return seconds


def models(driver, model):
    assert model in driver.models(), "the model is not in the list"
    same(driver.model(model), model)


ALL = [
    chat,
    streaming,
    tools,
    parallel_tools,
    tool_loop,
    images,
    structured_output,
    reasoning,
    hand_over,
    errors,
    cancellation,
    models,
]
