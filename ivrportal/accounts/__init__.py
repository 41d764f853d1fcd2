"""Users and their roles, login throttling, passwords, second factor and session limits.

After the password and before the code, a user is not logged in: only `pending_login` remembers them. So no view has to
check whether a user is "verified".
"""


def connect_signals() -> None:
    """Connect to signals, which are the only hook for all logins (Django) and all lockouts (axes)."""
    from axes.signals import user_locked_out
    from django.contrib.auth.signals import user_logged_in

    from ivrportal.accounts import login_throttle, session_limits

    user_logged_in.connect(session_limits.start, dispatch_uid="ivrportal.accounts.session_limits")
    user_locked_out.connect(login_throttle.record_lock, dispatch_uid="ivrportal.accounts.login_throttle")
