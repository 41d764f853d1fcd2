from calllogs.admin import calls, connect, desk, inbox, keys, listen

__all__ = ["calls", "connect", "desk", "inbox", "keys", "listen"]
