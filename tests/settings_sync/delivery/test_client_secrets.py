"""No error, no data that an error reporter collects, and no log line contains the key."""

import io
import logging
import logging.config
import traceback
from collections.abc import Iterator
from types import TracebackType

import pytest
from django.conf import settings as portal

from settings_sync.delivery import client
from settings_sync.delivery.client import ProviderError
from settings_sync.simulator import Simulator
from tests.settings_sync.delivery.raw_server import saying, serving
from tests.settings_sync.delivery.test_client import CUSTOMER, DEADLINE_S, KEY, PARAMETERS, account, send


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(api_key=KEY, cust_id=CUSTOMER, latency_s=0) as simulator:
        yield simulator


FAILURES = {
    "not sent": "http://127.0.0.1:9",
    "bad address": "http://[::1",
    "no scheme": "provider.example",
    "TLS": "https",
    "no answer": "http",
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_contains_neither_url_nor_key(name: str) -> None:
    with serving(saying(b"HTTP/1.1 abc\r\n\r\n")) as url:
        base = FAILURES[name] if len(FAILURES[name]) > 5 else url.replace("http:", FAILURES[name] + ":")
        error = raised_by(base)
    assert (error.__cause__, error.__context__) == (None, None)
    assert vars(error) == {}
    texts = [repr(error), str(error), repr(error.args), "".join(traceback.format_exception(error))]
    texts += [repr(value) for value in locals_of(error.__traceback__)]
    for text in texts:
        for secret in (KEY, CUSTOMER, "canary", "127.0.0.1:", "provider.example", "apikey"):
            assert secret not in text, text


def raised_by(base: str) -> ProviderError:
    """Return the error as a caller gets it; its traceback has this function's frame and the client's."""
    provider_account = account(base)
    try:
        client.send(provider_account, PARAMETERS, connect_s=0.2, deadline_s=DEADLINE_S)
    except ProviderError as error:
        del base
        return error
    raise AssertionError("no error")


def locals_of(trace: TracebackType | None) -> Iterator[object]:
    """Yield what an error reporter would collect: the local variables of each frame, except the test's own."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == client.__file__:
            for value in trace.tb_frame.f_locals.values():
                yield value
                yield from getattr(value, "__dict__", {}).values()
        else:
            yield from (value for name, value in trace.tb_frame.f_locals.items() if name != "base")
        trace = trace.tb_next


def test_no_log_line_contains_the_key_even_at_debug(provider: Simulator) -> None:
    """With the portal's own logging configuration and every logger at DEBUG."""
    stream = io.StringIO()
    config = {**portal.LOGGING, "loggers": {}, "root": {"handlers": ["stderr"], "level": "DEBUG"}}
    config["handlers"] = {"stderr": {**portal.LOGGING["handlers"]["stderr"], "stream": stream}}
    names = ("", "urllib3", "urllib3.connectionpool", "requests")
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in names}
    try:
        logging.config.dictConfig(config)
        for name in names[1:]:
            logging.getLogger(name).setLevel(logging.DEBUG)
        provider.set_faults("script:ok,http500,drop_before,redirect")
        for _ in range(4):
            try:
                send(provider.url)
            except ProviderError:
                logging.getLogger("settings_sync").exception("no answer")
    finally:
        for name, (level, handlers) in before.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).handlers[:] = handlers
    lines = stream.getvalue()
    assert "urllib3" in lines, "without its lines this test proves nothing"
    assert "canary" not in lines, lines
