"""The files in deploy/ use only existing commands, options, settings and metrics."""

import configparser
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.databases import ROOT
from tests.plugins.servers import read_example_names

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
METRIC = re.compile(r"\bivrportal_\w+")
# Variables that the portal does not read, but the image, Python or PostgreSQL's container.
EXTERNAL_NAMES = {
    "PATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD_FILE",
}
EXTERNAL_NAMES |= {"PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK"}


def parse_unit(path: Path) -> configparser.ConfigParser:
    class RepeatableOptions(dict):
        """Joins repeated directives, one line for each."""

        def __setitem__(self, key, value):
            if key in self and isinstance(value, list):
                value = [*self[key], *value]
            super().__setitem__(key, value)

    parser = configparser.ConfigParser(
        strict=False, dict_type=RepeatableOptions, interpolation=None, delimiters=("=",)
    )
    parser.optionxform = str
    parser.read(path)
    return parser


def load_compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def collect_commands() -> dict[str, list[str]]:
    """`{source: command}` of all portal programs that deploy/ starts."""
    found = {path.name: shlex.split(parse_unit(path)["Service"]["ExecStart"]) for path in UNITS}
    found |= {
        name: service["command"]
        for name, service in load_compose()["services"].items()
        if "command" in service
    }
    found.pop("redis")
    dockerfile = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    found["Dockerfile"] = json.loads(re.findall(r"^CMD (\[.*\])", dockerfile, re.MULTILINE)[-1])
    found["Dockerfile, HEALTHCHECK"] = json.loads(
        re.findall(r"^HEALTHCHECK .*CMD (\[.*\])", dockerfile, re.MULTILINE)[0]
    )
    found["Dockerfile, build"] = shlex.split(re.findall(r"(python manage.py .*?)\s+&&", dockerfile)[0])
    found["compose, worker's health"] = load_compose()["services"]["worker"]["healthcheck"]["test"][1:]
    return found


COMMANDS = collect_commands()


@pytest.fixture(scope="module")
def help_of():
    texts: dict[tuple[str, ...], str] = {}

    def read_help(*program: str) -> str:
        if program not in texts:
            command = [sys.executable, "-m", *program, "--help"]
            texts[program] = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout
        return texts[program]

    return read_help


@pytest.mark.parametrize("where", COMMANDS)
def test_every_command_and_option_exists(where, help_of):
    program, *arguments = COMMANDS[where]
    options = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    match Path(program).name:
        case "granian":
            known = help_of("granian")
        case "celery":
            assert (arguments[0], arguments[1]) == ("--app", "ivrportal")
            known = help_of("celery", arguments[2]) + help_of("celery")
        case "python" if arguments[0] == "manage.py":
            assert arguments[1] in get_commands()
            known = read_command_help(arguments[1])
        case "python":
            assert (ROOT / arguments[0]).is_file()
            known = ""
        case _:
            pytest.fail(f"unknown program {program}")
    assert options <= set(re.findall(r"--[\w-]+", known)), options


def read_command_help(name: str) -> str:
    env = {"PORTAL_MODE": "demo", "PATH": "/usr/bin:/bin", "VAR_DIR": "/nonexistent", "SECRET_KEY": "x"}
    command = [sys.executable, "manage.py", name, "--help"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_all_web_servers_start_with_the_same_options():
    """Options for long request lines, lost workers and stopping must be set wherever a web server is started."""
    image = COMMANDS["Dockerfile"][1:]
    at_unit = COMMANDS["ivr-portal-web@.service"][1:]
    assert [word for word in image if word not in {"0.0.0.0", "8000"}] == [
        word for word in at_unit if word not in {"127.0.0.1", "%i"}
    ]
    for option in ("--no-access-log", "--respawn-failed-workers"):
        assert option in image


# --- environment -----------------------------------------------------------------------------------------


def test_every_variable_in_deploy_is_in_the_example():
    known = read_example_names(ROOT / ".env.example")
    used = read_example_names(DEPLOY / "portal.env.example")
    for path in UNITS:
        for line in parse_unit(path)["Service"]["Environment"].splitlines():
            used |= {word.partition("=")[0] for word in line.split()}
    for service in load_compose()["services"].values():
        used |= set(service.get("environment", {}))
    used |= set(re.findall(r"([A-Z][A-Z0-9_]+)=", (DEPLOY / "Dockerfile").read_text()))
    used |= set(re.findall(r"\{\$([A-Z_]+)", (DEPLOY / "Caddyfile").read_text()))
    assert used - EXTERNAL_NAMES <= known, used - EXTERNAL_NAMES - known
    assert len(used) > 15


def test_every_variable_of_the_settings_is_in_the_example():
    source = "".join(path.read_text() for path in (ROOT / "ivrportal" / "settings").glob("*.py"))
    read = set(re.findall(r"env\.\w+\(\s*\"([A-Z0-9_]+)\"", source))
    secrets = set(re.findall(r"secret_or_file\(\"([A-Z0-9_]+)\"\)", source))
    wanted = read | secrets | {f"{name}_FILE" for name in secrets}
    known = read_example_names(ROOT / ".env.example")
    assert wanted <= known, wanted - known


# --- compose, units, image -------------------------------------------------------------------------------


def test_services_are_hardened_and_wait_for_each_other():
    services = load_compose()["services"]
    assert {"web-1", "web-2", "worker", "beat", "sync", "migrate", "postgres", "redis", "caddy"} == set(
        services
    )
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        for other in service.get("depends_on", {}):
            assert other in services
        for secret in service.get("secrets", []):
            assert secret in load_compose()["secrets"]
        for network in service["networks"]:
            assert network in load_compose()["networks"]
        for volume in service.get("volumes", []):
            assert volume.startswith("./") or volume.partition(":")[0] in load_compose()["volumes"]
    assert load_compose()["networks"]["inside"]["internal"] is True
    assert all("ports" not in service for name, service in services.items() if name != "caddy")


def test_no_secret_is_in_a_command_or_in_the_environment():
    for name, service in load_compose()["services"].items():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in ("KEY", "PASSWORD", "URL", "CUST_ID")):
                assert value.startswith("/run/secrets/"), (name, key)
    for words in COMMANDS.values():
        assert not any("password" in word.lower() for word in words)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_hardened(path):
    service = parse_unit(path)["Service"]
    for name, value in {
        "ProtectSystem": "strict", "NoNewPrivileges": "yes", "PrivateTmp": "yes", "StateDirectory": "ivr-portal",
    }.items():  # fmt: skip
        assert service[name] == value
    assert service.get("Restart") == (None if "migrate" in path.name else "on-failure")
    credentials = {line.partition(":")[0] for line in service["LoadCredential"].splitlines()}
    assert set(re.findall(r"%d/([\w-]+)", service["Environment"])) == credentials
    assert "SECRET_KEY=" not in path.read_text()


def test_the_image_runs_unprivileged_and_without_a_compiler():
    text = (DEPLOY / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM") :]
    assert "USER portal" in last
    assert "HEALTHCHECK" in last
    assert "pip install" not in last
    assert "--only-binary :all: --require-hashes" in text
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()
    }
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    for name in copied:
        assert (ROOT / name).exists()


def test_caddy_logs_no_query():
    text = (DEPLOY / "Caddyfile").read_text()
    pattern = re.compile(re.search(r"request>uri regexp (\S+) \"\"", text)[1])
    assert pattern.sub("", "/api/PostCallLogs?key=x&callnumber=9812345678") == "/api/PostCallLogs"
    assert pattern.sub("", "/calendar/token.ics") == ""
    assert pattern.sub("", "/admin/") == "/admin/"


def test_the_workflow_runs_the_same_checks_as_ci():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13", "3.14"]
    assert job["steps"][-1]["run"] == ".ci/run"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert workflow["permissions"] == {"contents": "read"}
    for step in job["steps"]:
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))


# --- alerts and dashboard --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_alerts_and_dashboard_use_exactly_the_exported_metrics(push):
    push(
        "calllogid=d-1&callnumber=9812345678&date=2026-11-08&time=10:00:00"
    )  # sets the metric of the newest push
    text = Client(headers={"host": "127.0.0.1"}).get("/metrics").text
    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        names = {family.name} if family.type == "gauge" else {f"{family.name}_total"}
        if family.type == "histogram":
            names = {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        shown |= {name: {label for sample in family.samples for label in sample.labels} for name in names}
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    in_alerts = {name for rule in rules for name in METRIC.findall(rule["expr"])}
    on_dashboard = {
        name for panel in panels for target in panel["targets"] for name in METRIC.findall(target["expr"])
    }
    assert in_alerts | on_dashboard <= set(shown), (in_alerts | on_dashboard) - set(shown)
    # Every exported metric is on the dashboard.
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert families == {re.sub(r"_(bucket|sum|count)$", "", name) for name in on_dashboard}


def test_every_alert_has_a_summary_and_an_entry_in_operations():
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    operations = (ROOT / "docs" / "operations.md").read_text()
    for rule in rules:
        assert rule["annotations"]["summary"].endswith((".", "?")), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert f"`{rule['alert']}`" in operations, rule["alert"]
