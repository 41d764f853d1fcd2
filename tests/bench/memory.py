"""How much memory a process took."""

import re
from pathlib import Path


def peak_mb(process: int | str) -> float:
    """The most that it ever had, as Linux notes it; `self` is this one."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
