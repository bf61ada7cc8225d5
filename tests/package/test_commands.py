"""The README opens with two commands, and continuous integration runs the second."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def readme_commands():
    blocks = re.findall(r"```sh\n(.+?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [block.split("  #")[0] for block in blocks]


def test_readme_has_two_commands_of_one_line():
    demo, tests = readme_commands()
    assert "\n" not in demo + tests
    assert demo.endswith("segcam demo")
    assert (ROOT / tests.split()[-1]).samefile(ROOT / "tests" / "run.py")


def test_continuous_integration_runs_the_readme_line():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert readme_commands()[1] in script.read_text().splitlines()


def test_the_test_command_hands_on_pytest_s_exit_code():
    # in this very environment, whatever its name: what it would install is here
    driver = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests'); import run; run.PYTHON = sys.executable\n"
    )
    driver += "run.environment_is_ready = lambda: True\nrun.bring_chromium = lambda: None\n"
    driver += "sys.argv = ['run.py', *sys.argv[1:]]; run.main()"
    for arguments, code in ((["--version"], 0), (["no_such_test.py"], 4)):
        command = [sys.executable, "-c", driver, *arguments]
        assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == code


@pytest.mark.keras
def test_the_readme_s_code_runs_and_says_what_it_says():
    (code,) = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    explanation = names["explanation"]
    assert explanation.is_empty
    assert explanation.region_contributions.shape == (2,)
