from calllogs.admin import calls, connect, exports, inbox, keys

__all__ = ["calls", "connect", "exports", "inbox", "keys"]
