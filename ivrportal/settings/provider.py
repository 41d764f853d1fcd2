"""The provider's API, and the limits of requests to it. Names that end in `_S` are seconds."""

from urllib.parse import urlsplit

from ivrportal.settings.environment import DEMO, env, port_number, secret_or_file

SIMULATOR_PORT = port_number("SIMULATOR_PORT", default=9100)
SIMULATOR_URL = f"http://127.0.0.1:{SIMULATOR_PORT}"
IVR_API_URL = env.str("IVR_API_URL", default=SIMULATOR_URL if DEMO else "").rstrip("/")
IVR_API_KEY = secret_or_file("IVR_API_KEY") or ("demo-key" if DEMO else "")
IVR_CUST_ID = secret_or_file("IVR_CUST_ID") or ("demo-customer" if DEMO else "")
IVR_ALLOW_PLAIN_HTTP = env.bool("IVR_ALLOW_PLAIN_HTTP", default=False)
IVR_IS_PLAIN_HTTP = urlsplit(IVR_API_URL).scheme == "http"
IVR_IS_LOOPBACK = (urlsplit(IVR_API_URL).hostname or "") in {"127.0.0.1", "::1", "localhost"}
IVR_AGENT_NUMBER_FORMAT = env.str("IVR_AGENT_NUMBER_FORMAT", default="national")
IVR_SEND_DAILY = env.bool("IVR_SEND_DAILY", default=False)
IVR_RATE_PER_S = env.float("IVR_RATE_PER_S", default=2.0)
IVR_CONCURRENCY = env.int("IVR_CONCURRENCY", default=2)
IVR_CONNECT_S = env.float("IVR_CONNECT_S", default=3.0)
IVR_DEADLINE_S = env.float("IVR_DEADLINE_S", default=8.0)
IVR_LEASE_S = env.float("IVR_LEASE_S", default=30.0)
IVR_SETTLE_S = env.float("IVR_SETTLE_S", default=120.0)
IVR_SWEEP_S = env.float("IVR_SWEEP_S", default=15.0)
IVR_BACKOFF_BASE_S = env.float("IVR_BACKOFF_BASE_S", default=2.0)
IVR_BACKOFF_CAP_S = env.float("IVR_BACKOFF_CAP_S", default=900.0)
IVR_BREAKER_FAILURES = env.int("IVR_BREAKER_FAILURES", default=5)
IVR_BREAKER_OPEN_S = env.float("IVR_BREAKER_OPEN_S", default=30.0)
