"""Secrets and telephone numbers that must be nowhere: made up, planted, and searched for in whatever a portal leaves.

A canary is searched in every spelling that a URL, a log or a message could give it. Databases are no place to search
for numbers, since they are kept there; the attempts and the settings in them hold no secret all the same.
"""

import base64
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

import redis

KEY, CUSTOMER, PUSH_KEY = "canary-key/of+ours", "canary customer", "canary-push-key=1"
SECRETS = (KEY, CUSTOMER, PUSH_KEY)
NUMBERS = ("9812340000", "9812340001", "9845011223")
# Where rows and pushes are kept on purpose.
DATA = ("*.sqlite3*", "spool/*")
Place = tuple[str, bytes]


def spellings(canary: str) -> set[bytes]:
    forms = {canary, quote(canary, safe=""), quote(canary), quote_plus(canary), json.dumps(canary)[1:-1]}
    if canary.isdigit():
        forms |= {f"{canary[:5]} {canary[5:]}", f"{canary[:5]}-{canary[5:]}", f"{canary[:5]}%20{canary[5:]}"}
    plain = {form.encode() for form in forms}
    return plain | {repr(form)[2:-1].encode() for form in plain}


def found(places: Iterable[Place], canaries: Iterable[str] = (*SECRETS, *NUMBERS)) -> list[str]:
    """Which canary sings where; empty if all is well."""
    forms = {canary: spellings(canary) for canary in canaries}
    return [
        f"{canary} in {place}"
        for place, content in places
        for canary, many in forms.items()
        if any(form in content for form in many)
    ]


def files(directory: Path) -> Iterator[Place]:
    """Every file below it but the data; a file that goes while we look was not left behind."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not any(path.match(pattern) for pattern in DATA):
            with suppress(FileNotFoundError):
                yield str(path.relative_to(directory)), path.read_bytes()


def keys_of_redis(url: str) -> Iterator[Place]:
    """Names and values of all keys, as the server serialises them."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        for key in client.scan_iter():
            kind = client.type(key)
            values = {
                b"string": lambda key=key: [client.get(key)],
                b"list": lambda key=key: client.lrange(key, 0, -1),
                b"set": lambda key=key: client.smembers(key),
                b"zset": lambda key=key: client.zrange(key, 0, -1),
                b"hash": lambda key=key: [part for pair in client.hgetall(key).items() for part in pair],
            }.get(kind)
            yield f"Redis key {key!r}", key
            for value in values() if values else []:
                yield from opened(f"Redis key {key!r}", value or b"")


def opened(place: str, content: bytes) -> Iterator[Place]:
    """A message as it lies there, and its body, which Celery packs in base64."""
    yield place, content
    with suppress(ValueError, TypeError, AttributeError, UnicodeDecodeError):
        body = json.loads(content).get("body", "")
        yield f"{place}, body", base64.b64decode(body, validate=True)


class Listener:
    """Every command that a Redis is given while the context lasts: messages that come and go at once, too."""

    def __init__(self, url: str) -> None:
        self.url, self.said = url, []
        self._client = redis.Redis.from_url(url)
        self._stop = threading.Event()

    def __enter__(self) -> "Listener":
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._client.ping()  # one more command, so that the thread looks up
        with suppress(redis.RedisError, OSError):
            self._monitor.__exit__(None, None, None)
        self._client.close()

    def places(self) -> Iterator[Place]:
        for command in list(self.said):
            yield "a Redis command", command
            start = command.find(b"{")
            if start >= 0:
                text = command[start : command.rfind(b"}") + 1].replace(b'\\"', b'"')
                yield from opened("a Celery message", text)

    def _listen(self) -> None:
        with suppress(redis.RedisError, OSError, ValueError, AttributeError):
            while not self._stop.is_set():
                self.said.append(str(self._monitor.next_command()["command"]).encode())
