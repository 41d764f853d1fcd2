"""Each kind of push is a real payload in `tests/pushes`: the raw query, and beside it the expected values."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calllogs.intake import parser, query_fields
from calllogs.intake.parser import Rejected, parse
from calllogs.provider_fields import FIELD_NAMES
from tests.conftest import PUSHES

KOLKATA = ZoneInfo("Asia/Kolkata")
PAYLOADS = sorted(PUSHES.glob("*.query"))


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_a_payload_parses_to_the_values_beside_it(payload):
    expected = json.loads(payload.with_suffix(".json").read_text())
    if "rejected" in expected:
        with pytest.raises(Rejected) as rejection:
            parse(payload.read_bytes(), zone=KOLKATA)
        assert (rejection.value.reason, rejection.value.field) == (expected["rejected"], expected["field"])
        return
    call = parse(payload.read_bytes(), zone=KOLKATA)._asdict()
    call["started_at"], call["flags"] = call["started_at"].isoformat(), list(call["flags"])
    if expected["call_id"].startswith("derived-"):
        expected["call_id"] = call["call_id"]
        assert call["call_id"].startswith("derived-")
    assert call == expected


@pytest.mark.parametrize("name", [name for names in FIELD_NAMES.values() for name in names])
def test_every_known_name_is_recognised_in_any_case_with_spaces_and_underscores(name):
    field = next(field for field, names in FIELD_NAMES.items() if name in names)
    for spelling in (name, name.upper(), "_".join(name), name.replace("_", "%20"), name[:3] + "+" + name[3:]):
        values, _ = query_fields.parse_fields(f"{spelling}=7".encode())
        assert values == {field: "7"}


@pytest.mark.parametrize(
    ("raw_value", "seconds"),
    [("75", 75), ("75.0", 75), ("1:15", 75), ("0:01:15", 75), ("00:01:15", 75), ("", None), ("-", None),
     ("null", None), ("0", 0), ("604801", None), ("-5", None), ("1e3", None), ("٧٥", None), ("9" * 5000, None)],
)  # fmt: skip
def test_durations_in_every_shape(raw_value, seconds):
    values, flags = query_fields.parse_fields(f"callduration={raw_value}".encode())
    assert parser.parse_seconds(values.get("talk_seconds", ""), flags) == seconds


@pytest.mark.parametrize(
    ("date", "time", "moment"),
    [
        ("2026-11-08", "10:15:00", "2026-11-08T04:45:00+00:00"),
        ("08-11-2026", "10:15", "2026-11-08T04:45:00+00:00"),
        ("08/11/2026", "10:15:00", "2026-11-08T04:45:00+00:00"),
        ("2026-11-08T10:15:00", "", "2026-11-08T04:45:00+00:00"),
        ("2026-11-08 10:15:00", "", "2026-11-08T04:45:00+00:00"),
        ("2026-11-08T04:45:00Z", "", "2026-11-08T04:45:00+00:00"),
        ("2026-11-08T00:00:00", "10:15:00", "2026-11-08T04:45:00+00:00"),
        ("8-11-2026 0", "10:15:00", "2026-11-08T04:45:00+00:00"),
        ("8-1-2026 0", "10:15:00", "2026-01-08T04:45:00+00:00"),
    ],
)
def test_moments_in_every_shape(date, time, moment):
    assert parser.parse_moment(date, time, zone=KOLKATA) == dt.datetime.fromisoformat(moment)


def test_more_than_a_thousand_fields_are_parsed():
    raw = b"&".join(b"x%d=1" % number for number in range(5000)) + b"&calllogid=C&date=2026-11-08&time=10:00"
    assert parse(raw, zone=KOLKATA).call_id == "C"


def test_the_push_key_is_no_part_of_a_recording_unless_the_url_itself_has_one():
    values, _ = query_fields.parse_fields(b"recordingurl=https://r.example/a?key=1&key=2&calllogid=C")
    assert values["recording_url"] == "https://r.example/a?key=1&key=2"
    values, _ = query_fields.parse_fields(b"recordingurl=https%3A%2F%2Fr.example%2Fa&key=2&calllogid=C")
    assert values == {"recording_url": "https://r.example/a", "call_id": "C"}


def test_one_call_without_an_id_derives_the_same_id_from_every_spelling():
    spellings = [
        b"callnumber=9812345678&date=2026-11-08&time=10:15:00&ibizfonenumber=02261234567",
        b"caller_number=%2B919812345678&date=08/11/2026&time=10:15&knumber=912261234567",
    ]
    assert len({parse(raw, zone=KOLKATA).call_id for raw in spellings}) == 1


def test_a_rejection_holds_no_value_of_the_push():
    with pytest.raises(Rejected) as rejection:
        parse(b"callnumber=9812345678&date=secret&time=1&calllogid=C", zone=KOLKATA)
    assert "secret" not in repr(rejection.value)
    assert "9812345678" not in repr(rejection.value)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_call_or_a_rejection(raw):
    try:
        call = parse(raw, zone=KOLKATA)
    except Rejected:
        return
    assert call.call_id
    assert call.started_at.tzinfo is not None


_KEYS = st.sampled_from([name for names in FIELD_NAMES.values() for name in names] + ["key", "other", ""])
_VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["2026-11-08", "10:15", "9812345678", "XXXX", "-", "12", "http://a/?b=1"]),
)


@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=20))
def test_any_fields_are_a_call_that_every_database_takes_or_a_rejection(pairs):
    raw = "&".join(f"{key}={value}" for key, value in pairs).encode("utf-8", "surrogatepass")
    try:
        call = parse(raw, zone=KOLKATA)
    except Rejected:
        return
    for name, longest in {"call_id": 128, "caller": 40, "circle": 100, "recording_url": 2000}.items():
        value = getattr(call, name)
        assert len(value) <= longest
        assert value.isprintable()
        value.encode("utf-8")


_NAMES = st.sampled_from(
    ["date", "state", "recordingurl", "recording_url", "dat%65", "state%3D", "st%26ate", "Date", "x"]
)
_FRAGMENTS = st.sampled_from(
    ["&", "=", "%26", "%3D", "%3d", "%2B", "+", "%20", " ", "%", "%4", "%00", "%C3%A9", "null", "-", "://", "%3A//",
     "?", "7", "a", "%25", "%64", "\u00e9", "\u0660"]
)  # fmt: skip
_PAIRS = st.tuples(_NAMES, st.just("="), st.lists(_FRAGMENTS, max_size=3).map("".join)).map("".join)


@given(st.lists(_PAIRS, max_size=4).map("&".join).map(str.encode))
@example(b"state=a%26date=7")
@example(b"state%3D=7")
@example(b"state%3d=7")
@example(b"recordingurl=http://a/%20b")
@example(b"state=a+b")
@example(b"state=7%20")
@example(b"state=%20%2B")
@example(b"state=7&date")
@example(b"state=7&state=8")
@example(b"state=7&x=8")
@example(b"state=%C3%A9")
@example(b"state=a%00")
def test_a_plain_push_parses_the_same_value_by_value(raw):
    plain = query_fields._parse_plain(raw)
    assert plain is None or (plain, []) == query_fields._parse_leniently(raw)


def test_usual_pushes_take_the_fast_path():
    assert query_fields._parse_plain((PUSHES / "sample_url.query").read_bytes()) is not None
    assert query_fields._parse_plain(
        b"state=Tamil%20Nadu&callnumber=%2B919800000001&department=&agentnumber=-"
    ) == {
        "circle": "Tamil Nadu",
        "caller": "+919800000001",
    }


def test_a_value_can_be_corrected_or_emptied():
    raw = b"calllogid=C&callnumber=XXXX&date=2026-11-08&time=10:00"
    call = parse(raw, zone=KOLKATA, corrections={"caller": ""})
    assert (call.caller, call.flags) == ("", ("mended",))
    assert parse(raw, zone=KOLKATA, corrections={"caller": "9812345678"}).caller == "+919812345678"
