from calllogs.admin import calls, connect, desk, exports, inbox, keys, listen

__all__ = ["calls", "connect", "desk", "exports", "inbox", "keys", "listen"]
