from settings_sync.admin import agents, holidays, hours, provider

__all__ = ["agents", "holidays", "hours", "provider"]
