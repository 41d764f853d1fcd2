"""HTML page of the simulator: settings, last requests and controls. Self-contained, no external resources."""

import datetime as dt
from collections.abc import Sequence
from html import escape
from typing import Any

from settings_sync.simulator.faults import KINDS
from settings_sync.simulator.request_parser import WEEK

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# (button label, fault plan)
PRESETS = (
    ("All well", ""),
    ("Down", "drop_before"),
    ("Error 500", "http500"),
    ("Acts, but says nothing", "drop_after"),
    ("Acts late", "late:2-5"),
    ("Slow answers", "slow:2-4"),
    ("Stalls", "stall"),
    ("Busy (429)", "http429:5"),
    ("Refuses the key", "http403"),
    ("Invalid Time", "invalid_time"),
    ("Captive portal", "html"),
    ("Flapping", "flap=5/5"),
    ("A bad day", "ok=55,http500=10,drop_before=10,drop_after=10,late=15:1-3"),
)

_STYLE = """
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --ink: #1a2230; --soft: #586274;
  --line: #d9dee6; --good: #0b6b3a; --bad: #a8201a; --mark: #1d4ed8 }
@media (prefers-color-scheme: dark) { :root { --bg: #12161d; --card: #1b212b; --ink: #e8ecf2;
  --soft: #a3adbd; --line: #343d4b; --good: #5fd396; --bad: #ff9c94; --mark: #8fb4ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--bg); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 72rem; margin: auto; padding: 1rem }
h1 { font-size: 1.4rem; margin: .5rem 0 }
h2 { font-size: 1.05rem; margin: 0 0 .5rem }
p { margin: .25rem 0 .75rem }
.soft { color: var(--soft) } .good { color: var(--good) } .bad { color: var(--bad) }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem;
  min-width: 0; margin-bottom: 1rem }
.cards { display: grid; gap: 1rem; margin-bottom: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)) }
.cards section { margin: 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap }
th { color: var(--soft); font-weight: 600 }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 .75rem; align-items: center }
button, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: .4rem; padding: .35rem .7rem; min-height: 2.4rem }
input { flex: 1 1 16rem; min-width: 0 }
button { cursor: pointer }
button:hover, button[aria-pressed=true] { border-color: var(--mark); color: var(--mark) }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
"""
# Replaces only the live part of the page, so that typed input is kept.
_SCRIPT = """
setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch("/", {cache: "no-store"})).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    document.getElementById("live").replaceChildren(...fresh.childNodes);
    document.getElementById("gone").hidden = true;
  } catch { document.getElementById("gone").hidden = false; }
}, 2000);
"""


def render_page(state: dict[str, Any]) -> str:
    """Return the whole page for a state from `SimulatedProvider.state`, newest request first."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Provider simulator</title><link rel="icon" href="data:,"><style>{_STYLE}</style>
<noscript><meta http-equiv="refresh" content="5"></noscript></head><body><main>
<h1>Provider simulator</h1>
<p class="soft">Stands in for the telephone provider: shows what the portal told it. No call is routed.</p>
<p id="gone" class="bad" role="status" hidden>The simulator does not answer. It is tried again.</p>
{_render_switches(state)}
<div id="live">{_render_settings(state)}{_render_requests(state)}</div>
</main><script>{_SCRIPT}</script></body></html>"""


def _render_switches(state: dict[str, Any]) -> str:
    spec = state["faults"]
    presets = "".join(
        _render_button("spec", plan, label=label, is_pressed=plan == spec) for label, plan in PRESETS
    )
    kinds = [(f"<code>{kind}</code>", escape(description)) for kind, (_, description) in KINDS.items()]
    kinds.append(("<code>http503</code>", "that code, 400 to 599; <code>http503_after</code> acts first"))
    overwrites = state["daily_overwrites"]
    readings = _render_button(
        "reading", "overwrites", label="Daily overwrites all seven days", is_pressed=overwrites
    )
    readings += _render_button(
        "reading", "separate", label="A day's own hours beat Daily", is_pressed=not overwrites
    )
    return f"""<section><h2>Faults</h2><form method="post" action="/faults">{presets}</form>
<form method="post" action="/faults"><input name="spec" value="{escape(spec)}" aria-label="Fault plan"
 placeholder="ok=90,http500=10 or script:ok,drop_after" autocomplete="off" spellcheck="false">
<button>Set</button></form>
<details><summary>All kinds</summary>{_render_table(("Kind", "What it does"), kinds)}</details></section>
<section><h2>Reading of Daily</h2><form method="post" action="/daily">{readings}</form>
<form method="post" action="/reset"><button>Forget everything</button></form></section>"""


def _render_settings(state: dict[str, Any]) -> str:
    agents = [
        (escape(number), _tint("good" if value == "AVAIL" else "bad", escape(value)))
        for number, value in state["agents"].items()
    ]
    never = _tint("soft", "never set")
    set_hours = {day: escape(" to ".join(times)) for day, times in state["hours"].items()}
    hours = [(day, set_hours.get(day, never)) for day in WEEK]
    holidays = [(escape(date),) for date in state["holidays"]]
    overlaps = len(state["overlaps"])
    return f"""<p class="soft">{state["requests"]} requests, {state["changes"]} changes,
{state["pending"]} still to come, {_tint("bad" if overlaps else "soft", f"{overlaps} overlapping")}.
Faults: <code>{escape(state["faults"] or "none")}</code></p>
<div class="cards"><section><h2>Agents</h2>{_render_table(("Number", "Takes calls"), agents)}</section>
<section><h2>Office hours</h2>{_render_table(("Day", "Open"), hours)}</section>
<section><h2>Holidays</h2>{_render_table(("Date",), holidays)}</section></div>"""


def _render_requests(state: dict[str, Any]) -> str:
    rows = [_request_cells(entry) for entry in reversed(state["log"])]
    head = ("No.", "UTC", "About", "Value", "Fault", "Reply", "Changed")
    return f"<section><h2>Last requests</h2>{_render_table(head, rows)}</section>"


def _request_cells(entry: dict[str, Any]) -> tuple[str, ...]:
    received = dt.datetime.fromtimestamp(entry["received_at"], dt.UTC)
    return (
        str(entry["n"]),
        f"{received:%H:%M:%S}",
        escape(entry["address"] or entry["action"] or "?"),
        escape(entry["value"]),
        escape(entry["fault"]),
        _render_reply(entry),
        _render_changed(entry),
    )


def _render_reply(entry: dict[str, Any]) -> str:
    if entry["status"] is not None:
        return escape(f"{entry['status']} {entry['reply'][:40]}")
    return _tint("soft", "none yet") if entry["ended_at"] is None else _tint("bad", "none")


def _render_changed(entry: dict[str, Any]) -> str:
    if not entry["applied"]:
        return _tint("soft", "no")
    late = entry["applied_at"] - entry["received_at"]
    return _tint("good", "yes" if late < 0.5 else f"{late:.1f} s later")


def _tint(css_class: str, html: str) -> str:
    return f'<span class="{css_class}">{html}</span>'


def _render_button(name: str, value: str, *, label: str, is_pressed: bool) -> str:
    pressed = "true" if is_pressed else "false"
    return f'<button name="{name}" value="{escape(value)}" aria-pressed="{pressed}">{label}</button>'


def _render_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Render a table. Cells are HTML."""
    if not rows:
        return '<p class="soft">None yet.</p>'
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll" tabindex="0"><table><tr>{titles}</tr>{body}</table></div>'
