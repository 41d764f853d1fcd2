from calllogs.admin import alarms, calls, connect, desk, effect, exports, inbox, keys, listen, reports, wall

__all__ = [
    "alarms",
    "calls",
    "connect",
    "desk",
    "effect",
    "exports",
    "inbox",
    "keys",
    "listen",
    "reports",
    "wall",
]
