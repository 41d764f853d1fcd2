"""Every linked page: its headers, no inline code, and texts from outside escaped."""

import re
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from calllogs.models import CallLog, Push
from ivrportal.common.invisible_characters import make_visible

pytestmark = pytest.mark.django_db
MOST_PAGES = 150
OVERRIDE, ISOLATE, JOINER = "\u202e", "\u2066", "\u200d"
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "x {{ 7|add:7 }}{% now 'Y' %}",
    "</textarea></script><svg/onload=alert(1)>",
    "&lt;b&gt;&amp;",
]


class InlineCodeParser(HTMLParser):
    """The inline scripts, handlers and styles of a page."""

    def __init__(self, html):
        super().__init__()
        self.found, self.links, self.inside = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.inside = tag
        if tag == "script" and "src" not in values:
            self.found.append("inline script" if values.get("type") != "application/json" else "")
        if tag == "style":
            self.found.append("inline style")
        if tag in {"iframe", "object", "embed", "base", "frame"}:
            self.found.append(tag)
        for name, value in values.items():
            if re.fullmatch(r"on\w+", name):
                self.found.append(f"{tag} {name}")
            if name in {"href", "src", "action", "formaction", "hx-get", "hx-post"}:
                if (
                    re.sub(r"[\x00-\x20]", "", value)
                    .casefold()
                    .startswith(("javascript:", "data:text", "vbscript:"))
                ):
                    self.found.append(f"{tag} {name}={value}")
                if name == "href" and tag == "a":
                    self.links.append(value)
            if name == "src" and urlsplit(value).netloc:
                self.found.append(f"from elsewhere: {value}")
        self.found = [item for item in self.found if item]


def nasty_call(text, number):
    at = timezone.now()
    return CallLog.objects.create(
        call_id=f"{text}{number}"[:128], caller=text[:40], agent_number=text[:40], raw_status=text, circle=text,
        virtual_number=text[:40], department=text, recording_url=text, call_type=text, status="MISSED",
        started_at=at, received_at=at, told_at=at, updated_at=at,
    )  # fmt: skip


def walked(client):
    """`{path: response}` of all linked pages, one per URL pattern."""
    todo, seen, kinds = ["/admin/", "/admin/login/", "/admin/board/"], {}, set()
    while todo and len(seen) < MOST_PAGES:
        path = todo.pop(0)
        if path in seen:
            continue
        response = client.get(path)
        seen[path] = response
        if response.status_code != 200 or "text/html" not in response["Content-Type"]:
            continue
        for link in InlineCodeParser(response.content.decode()).links:
            parts = urlsplit(link)
            kind = re.sub(r"\d+", "N", parts.path)
            is_ours = not parts.netloc and parts.path.startswith("/admin/") and "logout" not in kind
            if is_ours and kind not in kinds:
                kinds.add(kind)
                todo.append(link.partition("#")[0])
    return seen


@pytest.fixture
def pages(client_for, simulator, no_broker):
    call_command("load_sample_data", calls=30, days=2)
    for number, text in enumerate(NASTY):
        nasty_call(text, number)
    return walked(client_for(None))


def test_no_page_has_anything_inline_and_every_page_has_the_headers(pages):
    html = {path: answer for path, answer in pages.items() if "text/html" in answer["Content-Type"]}
    assert len(html) > 40
    found = {path: InlineCodeParser(answer.content.decode()).found for path, answer in html.items()}
    assert {path: what for path, what in found.items() if what} == {}
    for path, answer in pages.items():
        assert "no-store" in answer["Cache-Control"], path
        assert answer["X-Content-Type-Options"] == "nosniff", path
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert answer["Referrer-Policy"] == "same-origin", path
        assert "camera=()" in answer["Permissions-Policy"], path
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert parts.get("script-src", "'none'") in {"'none'", "'self'", "'self' 'unsafe-eval'"}, path
        assert "unsafe" not in parts.get("style-src", ""), path


def test_the_wall_board_evaluates_nothing(client_for):
    policy = client_for(None).get("/admin/board/")["Content-Security-Policy"]
    assert "unsafe" not in policy


def test_texts_from_outside_are_escaped_on_every_page_of_a_call(client_for, push):
    client = client_for(None)
    for number, text in enumerate(NASTY):
        names = (
            "callid",
            "agentnumber",
            "callstatus",
            "state",
            "ibizfonenumber",
            "recordingurl",
            "department",
            "calltype",
        )
        values = "&".join(f"{name}={quote(text)}" for name in names)
        today = timezone.localdate()
        when = f"date={today}&time=00:0{number}:00"
        raw = f"calllogid=N{number}{quote(text)}&callnumber=98123778{number:02d}&{when}&{values}"
        push(f"{raw}&{quote(text)}={quote(text)}")
    calls, pushes = CallLog.objects.all(), Push.objects.all()
    assert len(calls) == len(pushes) == len(NASTY)
    addresses = ["/admin/", "/admin/calllogs/calllog/?column=department&column=call_id&column=raw_status&column=circle",
                 "/admin/calllogs/missed/", "/admin/board/", "/admin/calllogs/push/"]  # fmt: skip
    addresses += [f"/admin/calllogs/calllog/{call.pk}/change/" for call in calls]
    addresses += [reverse("admin:calllogs_missed_caller", args=[call.pk]) for call in calls]
    addresses += [f"/admin/calllogs/push/{each.pk}/change/" for each in pushes]
    addresses += [f"/admin/calllogs/calllog/?department={quote(text)}&q={quote(text)}" for text in NASTY]
    addresses += [f"/admin/calllogs/calllog/export/?department={quote(text)}" for text in NASTY]
    for address in addresses:
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        assert InlineCodeParser(page).found == [], address
        for raw in ("<script>alert", "<img src=x", "<svg/onload"):
            assert raw not in page, address


# --- invisible characters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sign", [OVERRIDE, ISOLATE, JOINER, "\u200e", "\u200f", "\u2069", "\u202a", "\ufeff", "\x07"]
)
def test_an_invisible_character_is_made_visible(sign):
    assert make_visible(f"Sa{sign}les") == f"Sa⟨U+{ord(sign):04X}⟩les"


def test_a_plain_text_comes_back_as_it_is():
    for text in ("Sales", "हिन्दी बिक्री", "Zoë – “x” 🙂", "two\nlines\t"):
        assert make_visible(text) is text


def test_no_page_of_a_call_turns_the_direction_of_writing(client_for):
    client = client_for(None)
    text = f"Sa{OVERRIDE}se{ISOLATE}l{JOINER}"
    call = nasty_call(text, 1)
    raw = f"calllogid=1&date=never&note={quote(text)}&{quote(text)}=1"
    waiting = Push.objects.create(uid="u", received_at=timezone.now(), raw_query=raw, outcome="REJECTED")
    for address in (
        "/admin/calllogs/calllog/?column=department&column=call_id&column=raw_status&column=circle",
        f"/admin/calllogs/calllog/{call.pk}/change/",
        f"/admin/calllogs/push/{waiting.pk}/change/",
        "/admin/board/",
    ):
        page = client.get(address).content.decode()
        body = page.partition("<body")[2]
        assert "⟨U+202E⟩" in body, address
        assert not {OVERRIDE, ISOLATE, JOINER} & set(
            re.sub(r'(?:href|value|title|aria-label)="[^"]*"', "", body)
        ), address
