"""The environment, `.env` included, and the helpers that read it. Every other section imports from here."""

import os
import secrets
import sys
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()
# Tests and checks set ENV_FILE to an empty file, so that a developer's .env does not affect them.
env.read_env(os.environ.get("ENV_FILE", BASE_DIR / ".env"))


def load_or_create_secret(path: Path) -> str:
    """A random secret, generated once and kept in a file that only its owner can read. Exits on an OSError."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        sys.exit(f"{path} cannot be read ({error.strerror}). Choose another directory with VAR_DIR.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
        # Read back: if two processes start at once, both use the secret that was written last.
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        sys.exit(f"{path.parent} cannot be written to ({error.strerror}). Choose another with VAR_DIR.")


def port_number(name: str, *, default: int) -> int:
    """The port in this environment variable. Exits if it is not a number from 1 to 65535."""
    text = env.str(name, default="").strip() or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"{name}={text} is not a port number. Use a number from 1 to 65535.")
    return int(text)


def secret_or_file(name: str) -> str:
    """`NAME`, or the content of the file that `NAME_FILE` names, as container secrets are mounted. Empty if unset."""
    path = env.str(f"{name}_FILE", default="")
    return Path(path).read_text(encoding="utf-8").strip() if path else env.str(name, default="").strip()


PORTAL_MODE = env.str("PORTAL_MODE", default="production")
DEMO = PORTAL_MODE == "demo"
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default="") or "var")
if not VAR_DIR.is_absolute():
    VAR_DIR = BASE_DIR / VAR_DIR
