from calllogs.admin import calls, connect, inbox, keys, listen

__all__ = ["calls", "connect", "inbox", "keys", "listen"]
