from calllogs.admin import calls, inbox, keys

__all__ = ["calls", "inbox", "keys"]
