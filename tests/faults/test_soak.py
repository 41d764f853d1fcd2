"""The checks of the soak run. The run itself is long and belongs to `make faults`."""

from types import SimpleNamespace

import pytest

from tests.faults import canaries, soak
from tests.faults.__main__ import _load_runs

BEFORE = {"web MB": 100, "worker MB": 90, "files": 80, "connections": 20}


def portal_with(tmp_path, files: dict[str, bytes]) -> SimpleNamespace:
    (tmp_path / "exports").mkdir()
    for name, content in files.items():
        (tmp_path / "exports" / name).write_bytes(content)
    return SimpleNamespace(var=tmp_path)


def export(state: str = "DONE", rows: int = 2, **more: object) -> dict[str, object]:
    return {"id": 1, "state": state, "rows": rows, "file": "a.csv"} | more


def test_the_soak_is_a_run_of_make_faults():
    assert "soak.everything" in dict(_load_runs())


@pytest.mark.parametrize("grown", [{"web MB": 111}, {"worker MB": 100}, {"files": 97}, {"connections": 25}])
def test_a_resource_that_is_not_released_is_reported(grown):
    soak._assert_no_growth(BEFORE, BEFORE | {"web MB": 109, "files": 90})
    with pytest.raises(AssertionError, match="where it began"):
        soak._assert_no_growth(BEFORE, BEFORE | grown)


def test_a_complete_export_passes_and_its_files_are_removed(tmp_path):
    portal = portal_with(tmp_path, {"a.csv": b"\xef\xbb\xbfid\r\n1\r\n2\r\n"})
    assert "DONE" in soak._assert_exports_complete(portal, [export()])
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize(
    ("exports", "why"),
    [
        ([export(rows=3)], "2 rows for 3"),
        ([export(state="RUNNING")], "never ended"),
        ([export(state="FAILED")], "proves nothing"),
    ],
)
def test_an_incomplete_export_is_reported(tmp_path, exports, why):
    with pytest.raises(AssertionError, match=why):
        soak._assert_exports_complete(portal_with(tmp_path, {"a.csv": b"id\r\n1\r\n2\r\n"}), exports)


def test_a_key_in_a_log_is_reported(tmp_path, settings):
    log = tmp_path / "web.log"
    log.write_bytes(b"GET /settings?apikey=" + canaries.KEY.encode())
    var = tmp_path / "var"
    var.mkdir()
    databases = SimpleNamespace(key="push-key")
    portal = SimpleNamespace(var=var, log=log, databases=databases)
    soak_run = SimpleNamespace(
        portal=portal, celery=SimpleNamespace(broker=SimpleNamespace(url=settings.REDIS_URL))
    )
    with pytest.raises(AssertionError, match=r"web\.log"):
        soak._assert_no_secrets(soak_run)
    log.write_bytes(b"")
    soak._assert_no_secrets(soak_run)
