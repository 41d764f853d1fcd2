"""What the soak would not let pass. The soak itself is long: `make faults`."""

from types import SimpleNamespace

import pytest

from tests.faults import canaries, soak
from tests.faults.__main__ import _runs

BEFORE = {"web MB": 100, "worker MB": 90, "files": 80, "connections": 20}


def stand_with(tmp_path, files: dict[str, bytes]) -> SimpleNamespace:
    (tmp_path / "exports").mkdir()
    for name, content in files.items():
        (tmp_path / "exports" / name).write_bytes(content)
    return SimpleNamespace(var=tmp_path)


def export(state: str = "DONE", rows: int = 2, **more: object) -> dict[str, object]:
    return {"id": 1, "state": state, "rows": rows, "file": "a.csv"} | more


def test_it_is_one_of_the_runs_of_make_faults():
    assert "soak.everything" in dict(_runs())


@pytest.mark.parametrize("grown", [{"web MB": 111}, {"worker MB": 100}, {"files": 97}, {"connections": 25}])
def test_what_is_not_given_back_is_found(grown):
    soak._nothing_grew(BEFORE, BEFORE | {"web MB": 109, "files": 90})
    with pytest.raises(AssertionError, match="where it began"):
        soak._nothing_grew(BEFORE, BEFORE | grown)


def test_a_whole_export_passes_and_its_numbers_are_taken_away(tmp_path):
    stand = stand_with(tmp_path, {"a.csv": b"\xef\xbb\xbfid\r\n1\r\n2\r\n"})
    assert "DONE" in soak._no_export_is_half(stand, [export()])
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize(
    ("exports", "why"),
    [
        ([export(rows=3)], "2 rows for 3"),
        ([export(state="RUNNING")], "never ended"),
        ([export(state="FAILED")], "proves nothing"),
    ],
)
def test_a_half_export_is_found(tmp_path, exports, why):
    with pytest.raises(AssertionError, match=why):
        soak._no_export_is_half(stand_with(tmp_path, {"a.csv": b"id\r\n1\r\n2\r\n"}), exports)


def test_a_key_in_a_log_is_found(tmp_path, settings):
    log = tmp_path / "web.log"
    log.write_bytes(b"GET /settings?apikey=" + canaries.KEY.encode())
    var = tmp_path / "var"
    var.mkdir()
    databases = SimpleNamespace(key="push-key")
    stand = SimpleNamespace(var=var, log=log, databases=databases)
    scene = SimpleNamespace(stand=stand, crew=SimpleNamespace(broker=SimpleNamespace(url=settings.REDIS_URL)))
    with pytest.raises(AssertionError, match=r"web\.log"):
        soak._nobody_told(scene)
    log.write_bytes(b"")
    soak._nobody_told(scene)
