"""Accounts: authentication, passwords, second factor, lockouts, session length."""

from datetime import timedelta

from ivrportal.settings.environment import DEMO, env

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: a locked-out user's password is not checked
    "ivrportal.accounts.auth_backend.SingleQueryBackend",
    "ivrportal.permissions.PermissionsAtOnce",  # for sessions started under release 0.1
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "ivrportal.accounts.password_validation.MaximumLengthValidator"},
    {"NAME": "ivrportal.accounts.password_validation.KeyboardSequenceValidator"},
    {"NAME": "ivrportal.accounts.password_validation.SiteNameValidator"},
]
PASSWORD_HASHERS = ["ivrportal.accounts.password_validation.NfkcPBKDF2Hasher"]
# Users with one of these roles need a second factor; a superuser counts as having every role.
SECOND_FACTOR_ROLES = env.list(
    "SECOND_FACTOR_ROLES", default=[] if DEMO else ["Supervisors", "Auditors", "Administrators"]
)
OTP_TOTP_ISSUER = "IVR Portal"
OTP_TOTP_SYNC = False  # phones know the time: clock drift must not make older codes valid
# Off: ivrportal.accounts.login_throttle counts wrong codes like wrong passwords.
OTP_TOTP_THROTTLE_FACTOR = 0
AXES_HANDLER = "ivrportal.accounts.login_throttle.Handler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address", "username"]
# Per account and address; ivrportal.accounts.login_throttle has the other limits.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# Otherwise an attacker could keep the owner locked out permanently.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "ivrportal.accounts.login_throttle.address_of"
AXES_LOCKOUT_CALLABLE = "ivrportal.accounts.login_throttle.locked_page"
AXES_SENSITIVE_PARAMETERS = ["username", "next", "code", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = False  # ivrportal.accounts.lockout_views is the screen
AXES_VERBOSE = False
SESSION_COOKIE_AGE = 12 * 3600
# A session ends after so many minutes without a click; 0 disables it. Automatic requests of a page are no clicks.
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=0 if DEMO else 60)
