from calllogs.admin import calls, connect, inbox, keys

__all__ = ["calls", "connect", "inbox", "keys"]
