"""Why a recording cannot be played. Plain Python; the messages for users are in `messages`."""

from enum import StrEnum


class Cause(StrEnum):
    INVALID_URL = "no address"
    PRIVATE_ADDRESS = "inner"
    UNKNOWN_HOST = "unknown host"
    NO_CONNECTION = "no connection"
    NO_SECURE_CONNECTION = "untrusted"
    TOO_SLOW = "too slow"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    FAILED = "failed"
    REDIRECTS = "redirects"
    NOT_AUDIO = "not sound"
    EMPTY = "empty"
    TOO_BIG = "too big"
    INCOMPLETE = "broke off"
    BUSY = "busy"
    NOT_STORED = "not kept"


class NotAvailable(Exception):
    """The recording is not available. By guarantee P9 it carries neither a URL nor another exception."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class OutOfRange(Exception):
    """The requested range starts beyond the end. `total` is the size in bytes."""

    def __init__(self, total: int) -> None:
        super().__init__(f"{total} bytes in all")
        self.total = total
