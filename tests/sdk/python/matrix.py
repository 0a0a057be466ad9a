"""Runs every check with every SDK on every model, and prints one line of JSON for each."""

import json
import os
import time
import traceback

import checks
import simulator
from drivers import anthropic_messages, openai_chat, openai_responses

DRIVERS = [openai_chat.Driver, openai_responses.Driver, anthropic_messages.Driver]


def cell(driver, check, model) -> dict:
    simulator.clear()
    began = time.monotonic()
    try:
        ok, detail = True, check(driver, model) or ""
    except Exception as error:
        ok, detail = False, "".join(traceback.format_exception(error, limit=-4))
    milliseconds = round((time.monotonic() - began) * 1000)
    named = {"sdk": f"python {driver.name}", "check": check.__name__, "model": model}
    return {**named, "ok": ok, "detail": detail, "milliseconds": milliseconds}


def main() -> None:
    url, key, models = os.environ["MESH_URL"], os.environ["MESH_KEY"], os.environ["MODELS"].split(",")
    for make in DRIVERS:
        driver = make(url, key)
        for check in checks.ALL:
            for model in models:
                print(json.dumps(cell(driver, check, model)), flush=True)


if __name__ == "__main__":
    main()
