"""Steps as the shell scripts of this suite have them: a title, something done, and what must be true of it."""

import contextlib
import os
import time
import traceback

from azure.core.exceptions import HttpResponseError


@contextlib.contextmanager
def step(title):
    """One step: passes unless its block raises. A failed step does not end the program."""
    begun = time.monotonic()
    problem = ""
    try:
        yield
    except Exception:
        problem = traceback.format_exc(limit=-3, chain=False)
    took = int((time.monotonic() - begun) * 1000)
    print(f"{'FAIL' if problem else 'ok  '}  {took:6} ms  {title}", flush=True)
    if problem:
        print("\n".join(f"        | {line[:400]}" for line in problem.splitlines()[-14:]), flush=True)
    with open(os.environ["RESULTS"], "a", encoding="ascii") as results:
        results.write("fail\n" if problem else "pass\n")


@contextlib.contextmanager
def refused(status, code):
    """The block must end in an answer of this status, and the SDK must find this code in it."""
    try:
        yield
    except HttpResponseError as error:
        found = error.error.code if error.error else None
        assert (error.status_code, found) == (status, code), f"{error.status_code} {found}: {error.message}"
        assert error.error.message, "an error has a message"
    else:
        raise AssertionError(f"expected {status} {code}")


def same(found, expected):
    """Like `assert found == expected`, and says both."""
    assert found == expected, f"found {found!r}, expected {expected!r}"
