from calllogs.admin import calls, connect, desk, inbox, keys

__all__ = ["calls", "connect", "desk", "inbox", "keys"]
