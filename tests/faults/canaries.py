"""Made-up secrets and telephone numbers (canaries) that are planted and must not leak into files, logs or messages.

A canary is searched in every spelling that a URL, a log or a message could give it. Databases store numbers on
purpose, so they are searched for secrets only.
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
# Files that store rows and pushes on purpose.
DATA_PATTERNS = ("*.sqlite3*", "spool/*")
NamedContent = tuple[str, bytes]  # where it was found, and the bytes


def build_spellings(canary: str) -> set[bytes]:
    forms = {canary, quote(canary, safe=""), quote(canary), quote_plus(canary), json.dumps(canary)[1:-1]}
    if canary.isdigit():
        forms |= {f"{canary[:5]} {canary[5:]}", f"{canary[:5]}-{canary[5:]}", f"{canary[:5]}%20{canary[5:]}"}
    plain = {form.encode() for form in forms}
    return plain | {repr(form)[2:-1].encode() for form in plain}


def find_canaries(
    contents: Iterable[NamedContent], canaries: Iterable[str] = (*SECRETS, *NUMBERS)
) -> list[str]:
    """The canaries that were found, as `canary in source`. Empty if nothing leaked."""
    forms = {canary: build_spellings(canary) for canary in canaries}
    return [
        f"{canary} in {source}"
        for source, content in contents
        for canary, spellings in forms.items()
        if any(form in content for form in spellings)
    ]


def read_files(directory: Path) -> Iterator[NamedContent]:
    """All files below the directory except DATA_PATTERNS. Skips files that vanish meanwhile."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not any(path.match(pattern) for pattern in DATA_PATTERNS):
            with suppress(FileNotFoundError):
                yield str(path.relative_to(directory)), path.read_bytes()


def read_redis_keys(url: str) -> Iterator[NamedContent]:
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
                yield from unpack_message(f"Redis key {key!r}", value or b"")


def unpack_message(source: str, content: bytes) -> Iterator[NamedContent]:
    """A Celery message as stored, and its base64-decoded body."""
    yield source, content
    with suppress(ValueError, TypeError, AttributeError, UnicodeDecodeError):
        body = json.loads(content).get("body", "")
        yield f"{source}, body", base64.b64decode(body, validate=True)


class RedisMonitor:
    """Records every command that a Redis receives while the context is open, so that short-lived messages count too."""

    def __init__(self, url: str) -> None:
        self.url, self.commands = url, []
        self._client = redis.Redis.from_url(url)
        self._stop = threading.Event()

    def __enter__(self) -> "RedisMonitor":
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._client.ping()  # one more command, so that the thread notices the stop event
        with suppress(redis.RedisError, OSError):
            self._monitor.__exit__(None, None, None)
        self._client.close()

    def contents(self) -> Iterator[NamedContent]:
        for command in list(self.commands):
            yield "a Redis command", command
            start = command.find(b"{")
            if start >= 0:
                text = command[start : command.rfind(b"}") + 1].replace(b'\\"', b'"')
                yield from unpack_message("a Celery message", text)

    def _listen(self) -> None:
        with suppress(redis.RedisError, OSError, ValueError, AttributeError):
            while not self._stop.is_set():
                self.commands.append(str(self._monitor.next_command()["command"]).encode())
