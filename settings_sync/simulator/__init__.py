"""A provider to run against: for demos, for tests, for faults. Plain Python, nothing else of the portal."""

from settings_sync.simulator.faults import BadFaults
from settings_sync.simulator.server import Simulator

__all__ = ["BadFaults", "Simulator"]
