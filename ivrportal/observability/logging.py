"""Log lines without secrets and without anybody's telephone number (promise P9).

Redaction sits at the formatter, the last place that every line passes: message, arguments, extra fields, the text of
an exception and its stack are one set of values by then. Production writes a JSON object for each line, the demo
plain text; both tell `moment`, `level`, `logger`, `event`, and the `request_id` or the `task` that a line belongs to.
"""

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from structlog.contextvars import merge_contextvars
from structlog.processors import TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from ivrportal.common.phone import mask_numbers

_logger = logging.getLogger(__name__)

SECRET = "[secret]"  # noqa: S105  (what stands in its place)
# What a secret is called, wherever it stands; and what only is one as a parameter: too short a word elsewhere.
_NAMES = (
    r"(?:password|passwd|passcode|secret|token|api[_-]?key|push[_-]?key|cust[_-]?id|totp|otp|recovery[_-]?codes?"
    r"|sessionid|authorization|cookie)[\w-]{0,40}"
)
_SECRET_PARAMETER = re.compile(rf"(?i)({_NAMES}|\bkey)=[^&\s\"']+")
_SECRET_FIELD = re.compile(
    rf"(?i)(?P<field>{_NAMES}\\?[\"']?\s*[:=]\s*)(?P<quote>\\?[\"'])(?P<value>(?:(?!(?P=quote)).)*)(?P=quote)"
)
_SECRET_HEADER = re.compile(r"(?i)\b((?:authorization|cookie|set-cookie)\s*:\s*)[^\r\n\"']+")
_SECRET_KEY = re.compile(rf"(?i){_NAMES}|^key$")
_CALENDAR_TOKEN = re.compile(r"(/calendar/)[^/\s\"']+")  # the secret address of the holidays' calendar
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")
# What libraries add to a record for their own handlers: the request with its whole address, a task with its arguments.
_NOT_FOR_LINES = ("request", "data", "server_time")
_ORDER = ("moment", "level", "logger", "event")

Fields = MutableMapping[str, Any]


# --- redaction -------------------------------------------------------------------------------------------


def _known_secrets() -> tuple[str, ...]:
    from django.conf import settings

    storage = settings.STORAGES["recordings"]["OPTIONS"]
    return _spellings(
        (
            *(settings.IVR_API_KEY, settings.IVR_CUST_ID, settings.SECRET_KEY, settings.EMAIL_HOST_PASSWORD),
            *(*settings.SECRET_KEY_FALLBACKS, *settings.PUSH_KEYS),
            *(storage.get("access_key"), storage.get("secret_key")),
            settings.DATABASES["default"].get("PASSWORD"),
        )
    )


@lru_cache(maxsize=4)
def _spellings(secrets: tuple[str | None, ...]) -> tuple[str, ...]:
    forms = {form for text in secrets if text for form in (text, quote(text, safe=""), quote_plus(text))}
    return tuple(sorted(forms, key=len, reverse=True))


def redact(text: str) -> str:
    for secret in _known_secrets():
        text = text.replace(secret, SECRET)
    text = _SECRET_PARAMETER.sub(rf"\1={SECRET}", text)
    text = _SECRET_FIELD.sub(rf"\g<field>\g<quote>{SECRET}\g<quote>", text)
    text = _SECRET_HEADER.sub(rf"\1{SECRET}", text)
    text = _CALENDAR_TOKEN.sub(rf"\1{SECRET}", text)
    text = _PASSWORD_IN_URL.sub(rf"\1:{SECRET}@", text)
    return mask_numbers(text)


def _redacted(value: Any) -> Any:
    """The value without what nobody may read, in shapes that JSON knows."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        shown = redact(str(value))
        return value if shown == str(value) else shown
    if isinstance(value, dict):
        return {redact(str(name)): _field(str(name), each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(each) for each in value]
    return redact(value if isinstance(value, str) else repr(value))


def _field(name: str, value: Any) -> Any:
    return SECRET if value and _SECRET_KEY.search(name) else _redacted(value)


# --- lines -----------------------------------------------------------------------------------------------


class RedactingFormatter(ProcessorFormatter):
    """For any handler: whatever logs, and however, its line leaves through here."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__(
            foreign_pre_chain=[
                merge_contextvars,
                ExtraAdder(),
                _leave_out,
                add_log_level,
                add_logger_name,
                TimeStamper(fmt="iso", utc=True, key="moment"),
                format_exc_info,
            ],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _without_secrets,
                _json if as_json else _plain,
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as error:
            # Python would print the message and its arguments as they are, past us.
            told = f"a line of {record.name}:{record.lineno} could not be written ({type(error).__name__})"
            return super().format(logging.LogRecord(__name__, logging.ERROR, "", 0, told, None, None))


def _leave_out(_: Any, __: str, fields: Fields) -> Fields:
    for name in _NOT_FOR_LINES:
        fields.pop(name, None)
    if stack := fields.pop("stack_info", None):
        fields["stack"] = stack
    return fields


def _without_secrets(_: Any, __: str, fields: Fields) -> Fields:
    moment = fields.pop("moment")
    clean = {name: _field(name, value) for name, value in fields.items() if name != "event"}
    clean |= {"moment": moment, "event": _redacted(fields.get("event"))}
    return {name: clean[name] for name in (*_ORDER, *(name for name in clean if name not in _ORDER))}


def _json(_: Any, __: str, fields: Fields) -> str:
    return orjson.dumps(fields).decode()


def _plain(_: Any, __: str, fields: Fields) -> str:
    moment, level, logger, event = (fields.pop(name) for name in _ORDER)
    below = [fields.pop(name) for name in ("exception", "stack") if name in fields]
    rest = "".join(f" {name}={value}" for name, value in fields.items())
    line = f"{moment[:10]} {moment[11:23]} {level.upper()} {logger}: {event}{rest}"
    return "\n".join([line, *below])


# --- what would not come as a line -----------------------------------------------------------------------


def catch_the_rest() -> None:
    """Warnings, and exceptions that nobody catches, in whatever thread, become lines as well: past a formatter they
    would be printed as they are."""
    logging.captureWarnings(True)
    main, threads, unraisable = sys.excepthook, threading.excepthook, sys.unraisablehook

    def of_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Exception):
            main(kind, error, trace)  # Ctrl-C
            return
        _logger.critical("nobody caught an exception; the process ends", exc_info=(kind, error, trace))
        if main is not sys.__excepthook__:
            main(kind, error, trace)

    def of_thread(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
            _uncaught(f"nobody caught an exception; the thread {told.thread and told.thread.name} ends", told)
        if threads is not threading.__excepthook__:
            threads(told)

    def of_cleaning(told: Any) -> None:
        _uncaught("an exception while an object was cleaned up", told)
        if unraisable is not sys.__unraisablehook__:
            unraisable(told)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_main, of_thread, of_cleaning


def _uncaught(event: str, told: Any) -> None:
    error = (told.exc_type, told.exc_value, told.exc_traceback) if told.exc_value else None
    _logger.critical(event, exc_info=error)
