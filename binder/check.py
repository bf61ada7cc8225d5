"""Check what Binder would do with this folder, without docker: ``python binder/check.py [--install DIR]``.

Without arguments it renders the image's recipe, with repo2docker as a library (``pip install jupyter-repo2docker``), and
prints the steps that come from this folder. With ``--install DIR`` it takes these steps in a fresh virtual environment
of DIR, on a copy of what is committed, and runs notebook 2 and the explorer there, as Binder's visitors would.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN = ("notebooks/02_why_is_my_heatmap_blank.ipynb", "binder/explorer.ipynb")


def recipe(folder=ROOT):
    """The build pack that repo2docker takes for a folder, and the Dockerfile that it writes."""
    from repo2docker.app import Repo2Docker

    app = Repo2Docker()
    with contextlib.chdir(folder):
        for make in app.buildpacks:
            pack = make(app.base_image)
            pack.platform = "linux/amd64"
            if pack.detect():
                return pack, pack.render(build_args={})
    raise RuntimeError(f"repo2docker knows nothing to do with {folder}.")


def steps(dockerfile):
    """The lines of a Dockerfile that come from this folder."""
    return [line for line in dockerfile.splitlines() if re.match(r"(RUN|COPY|ENTRYPOINT|ENV).*binder", line)]


def copy_of_what_is_committed(folder):
    """Unpack HEAD into a folder."""
    archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
    with tarfile.open(fileobj=archive.stdout, mode="r|") as packed:
        packed.extractall(folder, filter="data")
    if archive.wait():
        raise RuntimeError("git archive failed.")


def install(folder):
    """Take the recipe's steps in a fresh environment, and run what visitors open."""
    asked = (ROOT / "binder" / "runtime.txt").read_text().strip()
    here = f"python-{sys.version_info.major}.{sys.version_info.minor}"
    if asked != here:
        print(f"Binder would take {asked}; this is {here}.")
    source, environment = folder / "source", folder / "environment"
    source.mkdir(parents=True)
    copy_of_what_is_committed(source)
    venv.create(environment, with_pip=True)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{variables['PATH']}"

    def step(*command):
        print("$", *command, flush=True)
        subprocess.run(command, cwd=source, env=variables, check=True)

    step("pip", "install", "--quiet", "--no-cache-dir", "-r", "binder/requirements.txt")
    step("./binder/postBuild")
    step("pip", "list", "--format=freeze")
    for notebook in RUN:
        step("./binder/start", "jupyter", "execute", notebook)


def main():
    """Render, or install and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--install", metavar="DIR", type=Path, help="take the steps in a new environment in this folder"
    )
    given = parser.parse_args()
    if given.install is not None:
        install(given.install.absolute())
        return
    pack, dockerfile = recipe()
    print(f"{type(pack).__name__}, Python {pack.python_version}, folder {pack.binder_dir}")
    print(*steps(dockerfile), sep="\n")


if __name__ == "__main__":
    main()
