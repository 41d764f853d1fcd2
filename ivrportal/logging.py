"""Log lines without secrets and without anybody's telephone number (promise P9).

Redaction sits at the formatter, the last place that every line passes: a message, its arguments and the
text of an exception are one string by then.
"""

import logging
import re
from functools import lru_cache
from urllib.parse import quote, quote_plus

from settings_sync.phone import hidden_in

_SECRET_PARAMETER = re.compile(r"(?i)\b(apikey|api_key|custid|cust_id|key|token|password)=[^&\s\"']+")
_CALENDAR_TOKEN = re.compile(r"(/calendar/)[^/\s\"']+")  # the secret address of the holidays' calendar
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")


@lru_cache(maxsize=1)
def _known_secrets() -> tuple[str, ...]:
    from django.conf import settings

    values = [settings.IVR_API_KEY, settings.IVR_CUST_ID, settings.SECRET_KEY, *settings.PUSH_KEYS]
    spellings = {
        form for value in values if value for form in (value, quote(value, safe=""), quote_plus(value))
    }
    return tuple(sorted(spellings, key=len, reverse=True))


def redact(text: str) -> str:
    for secret in _known_secrets():
        text = text.replace(secret, "[secret]")
    text = _SECRET_PARAMETER.sub(r"\1=[secret]", text)
    text = _CALENDAR_TOKEN.sub(r"\1[secret]", text)
    text = _PASSWORD_IN_URL.sub(r"\1:[secret]@", text)
    return hidden_in(text)


class RedactingFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
