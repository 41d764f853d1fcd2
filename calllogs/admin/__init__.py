from calllogs.admin import calls, connect, desk, effect, inbox, keys, listen

__all__ = ["calls", "connect", "desk", "effect", "inbox", "keys", "listen"]
