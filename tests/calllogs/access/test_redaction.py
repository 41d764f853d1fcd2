"""Masking numbers inside texts."""

import pytest

from calllogs.access import redaction

CALLER = "+919812345210"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ring 9812345210 back", "Ring 98••• ••210 back"),
        ("Ring +91 98123-45210, or (98123) 45210", "Ring 98••• ••210, or (98••• ••210"),
        ("९८१२३४५२१०", "९८•••••२१०"),
        ("UK: +44 1632 960961", "UK: +4••••••••961"),
        ("On 2026-11-08 10:15, invoice 12345678", "On 2026-11-08 10:15, invoice 12345678"),
        ("%39812345210 and 100%", "98••• ••210 and 100%"),
        ("our 98001 00001 and 9800100001", "our 98001 00001 and 9800100001"),
    ],
)
def test_numbers_are_masked_except_those_of_the_office(text, shown):
    assert redaction.redact_text(text, known=["+919800100001"]) == shown


def test_a_short_number_is_masked_only_as_a_caller():
    assert redaction.redact_text("from 245678", callers=["245678"]) == "from ••••78"
    assert redaction.redact_text("from 245678") == "from 245678"


@pytest.mark.parametrize(
    ("call_id", "shown"),
    [
        ("1731050000.4711", "1731050000.4711"),
        ("rec-919812345210-1", "rec-9198••• ••210-1"),
        ("derived-0123456789abcdef", "derived-…"),
    ],
)
def test_only_the_caller_number_is_masked_in_a_call_id(call_id, shown):
    assert redaction.redact_call_id(call_id, CALLER) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("callnumber=9812345210&state=Delhi", "callnumber=98••• ••210&state=Delhi"),
        ("callnumber=98123&45210&state=Delhi", "callnumber=•••23&state=Delhi"),
        ("callnumber=%2B91%2098123%2045210", "callnumber=98••• ••210"),
        ("calllogid=9812345210.1&agentnumber=9800100001", "calllogid=98••• ••210.1&agentnumber=9800100001"),
        ("state=Jammu%20%26%20Kashmir", "state=Jammu%20%26%20Kashmir"),
    ],
)
def test_a_raw_push_is_unchanged_except_for_numbers(raw, shown):
    assert redaction.redact_query(raw, callers=[CALLER], known=["+919800100001"]) == shown
