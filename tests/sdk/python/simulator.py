"""What the simulated provider received."""

import json
import os
import time
import urllib.request

URL = os.environ["SIMULATOR_URL"]

# How long anything may take that should take a moment.
PATIENCE = 20.0


def get(path: str):
    with urllib.request.urlopen(f"{URL}/_simulator/{path}", timeout=PATIENCE) as response:
        return json.load(response)


def clear() -> None:
    urllib.request.urlopen(urllib.request.Request(f"{URL}/_simulator/journal", method="DELETE"), timeout=PATIENCE)


def requests() -> list:
    """The requests since the last check, oldest first."""
    return get("journal")


def sent() -> str:
    """The last request's body, as text in which a value can be looked for."""
    return json.dumps(requests()[-1]["body"], ensure_ascii=False)


def stopped_after() -> float:
    """Waits until no request is under way, and returns the seconds that it took."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if get("stats")["in_flight"] == 0:
            return time.monotonic() - began
        time.sleep(0.002)
    raise AssertionError("the provider's request goes on")
