"""Log lines without secrets and without whole telephone numbers (guarantee P9).

The formatter redacts, because every line passes it last: message, arguments, extra fields, exception text and stack are
then one set of fields. Production writes a JSON object per line, the demo plain text; both contain `moment`, `level`,
`logger`, `event`, and the `request_id` or `task` of the line.
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

SECRET = "[secret]"  # noqa: S105  (the replacement)
# Names of secrets. `key` is one only as a parameter or a whole field name; elsewhere it is too common.
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
_CALENDAR_TOKEN = re.compile(r"(/calendar/)[^/\s\"']+")  # the secret URL of the holiday calendar
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")
# Libraries add these to a record for their own handlers: the request with its full URL, a task with its arguments.
_LIBRARY_FIELDS = ("request", "data", "server_time")
_ORDER = ("moment", "level", "logger", "event")

Fields = MutableMapping[str, Any]


# --- redaction -------------------------------------------------------------------------------------------


def _known_secrets() -> tuple[str, ...]:
    from django.conf import settings

    storage = settings.STORAGES["recordings"]["OPTIONS"]
    return _encoded_forms(
        (
            *(settings.IVR_API_KEY, settings.IVR_CUST_ID, settings.SECRET_KEY, settings.EMAIL_HOST_PASSWORD),
            *(*settings.SECRET_KEY_FALLBACKS, *settings.PUSH_KEYS),
            *(storage.get("access_key"), storage.get("secret_key")),
            settings.DATABASES["default"].get("PASSWORD"),
        )
    )


@lru_cache(maxsize=4)
def _encoded_forms(secrets: tuple[str | None, ...]) -> tuple[str, ...]:
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


def _redact_value(value: Any) -> Any:
    """The value without secrets and numbers, in types that JSON can represent."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        redacted = redact(str(value))
        return value if redacted == str(value) else redacted
    if isinstance(value, dict):
        return {redact(str(name)): _redact_field(str(name), each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(each) for each in value]
    return redact(value if isinstance(value, str) else repr(value))


def _redact_field(name: str, value: Any) -> Any:
    return SECRET if value and _SECRET_KEY.search(name) else _redact_value(value)


# --- lines -----------------------------------------------------------------------------------------------


class RedactingFormatter(ProcessorFormatter):
    """Formats and redacts the lines of every handler, whether they come from structlog or from logging."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__(
            foreign_pre_chain=[
                merge_contextvars,
                ExtraAdder(),
                _drop_library_fields,
                add_log_level,
                add_logger_name,
                TimeStamper(fmt="iso", utc=True, key="moment"),
                format_exc_info,
            ],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _redact_fields,
                _render_json if as_json else _render_text,
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as error:
            # Otherwise logging would print the message and its arguments unredacted.
            message = f"a line of {record.name}:{record.lineno} could not be written ({type(error).__name__})"
            return super().format(logging.LogRecord(__name__, logging.ERROR, "", 0, message, None, None))


def _drop_library_fields(_: Any, __: str, fields: Fields) -> Fields:
    for name in _LIBRARY_FIELDS:
        fields.pop(name, None)
    if stack := fields.pop("stack_info", None):
        fields["stack"] = stack
    return fields


def _redact_fields(_: Any, __: str, fields: Fields) -> Fields:
    moment = fields.pop("moment")
    clean = {name: _redact_field(name, value) for name, value in fields.items() if name != "event"}
    clean |= {"moment": moment, "event": _redact_value(fields.get("event"))}
    return {name: clean[name] for name in (*_ORDER, *(name for name in clean if name not in _ORDER))}


def _render_json(_: Any, __: str, fields: Fields) -> str:
    return orjson.dumps(fields).decode()


def _render_text(_: Any, __: str, fields: Fields) -> str:
    moment, level, logger, event = (fields.pop(name) for name in _ORDER)
    below = [fields.pop(name) for name in ("exception", "stack") if name in fields]
    rest = "".join(f" {name}={value}" for name, value in fields.items())
    line = f"{moment[:10]} {moment[11:23]} {level.upper()} {logger}: {event}{rest}"
    return "\n".join([line, *below])


# --- warnings and uncaught exceptions --------------------------------------------------------------------


def log_uncaught_exceptions() -> None:
    """Log warnings, and uncaught exceptions of any thread: otherwise Python prints them without redaction."""
    logging.captureWarnings(True)
    main, threads, unraisable = sys.excepthook, threading.excepthook, sys.unraisablehook

    def log_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Exception):
            main(kind, error, trace)  # Ctrl-C
            return
        _logger.critical("nobody caught an exception; the process ends", exc_info=(kind, error, trace))
        if main is not sys.__excepthook__:
            main(kind, error, trace)

    def log_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            _log_uncaught(
                f"nobody caught an exception; the thread {args.thread and args.thread.name} ends", args
            )
        if threads is not threading.__excepthook__:
            threads(args)

    def log_unraisable(args: Any) -> None:
        _log_uncaught("an exception while an object was cleaned up", args)
        if unraisable is not sys.__unraisablehook__:
            unraisable(args)

    sys.excepthook, threading.excepthook, sys.unraisablehook = log_main, log_thread, log_unraisable


def _log_uncaught(event: str, args: Any) -> None:
    error = (args.exc_type, args.exc_value, args.exc_traceback) if args.exc_value else None
    _logger.critical(event, exc_info=error)
