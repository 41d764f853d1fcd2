"""Permissions and URL name of the callback queue."""

VIEW, CHANGE = "calllogs.view_missedcaller", "calllogs.change_missedcaller"
QUEUE_URL_NAME = "calllogs_missed"
