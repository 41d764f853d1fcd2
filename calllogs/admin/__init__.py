from calllogs.admin import alarms, calls, connect, desk, exports, inbox, keys, listen, reports, wall

__all__ = ["alarms", "calls", "connect", "desk", "exports", "inbox", "keys", "listen", "reports", "wall"]
