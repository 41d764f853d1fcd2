"""The memory of a process."""

import re
from pathlib import Path


def peak_mb(process: int | str) -> float:
    """The peak resident memory (VmHWM) of a process in MiB; `self` is the current process."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
