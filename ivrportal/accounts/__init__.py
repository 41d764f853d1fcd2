"""Signing in: throttle, password, second factor, limits of a session, and the pages for it.

Who has given the right password but no code yet is signed in nowhere: `pending` remembers who it is, and every page
treats them as a stranger. So no page has to ask whether somebody is "verified".
"""


def begin_listening() -> None:
    """Django and axes tell of sign-ins and locks by signals; there is no other place at which all of them pass."""
    from axes.signals import user_locked_out
    from django.contrib.auth.signals import user_logged_in

    from ivrportal.accounts import login_throttle, session_limits

    user_logged_in.connect(session_limits.begin, dispatch_uid="ivrportal.accounts.session_limits")
    user_locked_out.connect(login_throttle.note_lock, dispatch_uid="ivrportal.accounts.login_throttle")
