"""`python deploy/healthy.py [PORT]`: the health check of this machine's web server. Exit status 0 or 1.

It sends a Host header from ALLOWED_HOSTS, because the portal rejects any other.
"""

import http.client
import os
import sys


def main(port: int) -> int:
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip() or "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return 0 if connection.getresponse().status == http.client.OK else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000))
