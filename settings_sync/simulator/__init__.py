"""Provider simulator for demos, tests and fault injection. Plain Python; imports nothing else of the portal."""

from settings_sync.simulator.faults import InvalidFaultPlan
from settings_sync.simulator.server import Simulator

__all__ = ["InvalidFaultPlan", "Simulator"]
