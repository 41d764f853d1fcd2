from settings_sync.admin import agents, attempts, closed_days, heard, holidays, hours, other_hours, provider

__all__ = ["agents", "attempts", "closed_days", "heard", "holidays", "hours", "other_hours", "provider"]
