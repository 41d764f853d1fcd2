"""Why a recording cannot be played. Plain Python; the messages for users are in `messages`."""

from enum import StrEnum


class Cause(StrEnum):
    NO_ADDRESS = "no address"
    INNER = "inner"
    UNKNOWN_HOST = "unknown host"
    NO_CONNECTION = "no connection"
    UNTRUSTED = "untrusted"
    TOO_SLOW = "too slow"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    FAILED = "failed"
    REDIRECTS = "redirects"
    NOT_SOUND = "not sound"
    EMPTY = "empty"
    TOO_BIG = "too big"
    BROKE_OFF = "broke off"
    BUSY = "busy"
    NOT_KEPT = "not kept"


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
