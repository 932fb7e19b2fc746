"""What is shipped: a wheel that works where nothing else of ours is, an image and a composition that fit the program.

No container engine runs these files here. They are held against the schema of compose files, and against the program.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from regulars.cli import app
from sync.store.migrations import REVISIONS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

CONTACTS = "Record ID,First Name,Last Name,Email,Phone Number\n1,Frau,Meier,meier@example.com,030 1234567\n"


def run(*command: object, folder: Path, code: int = 0) -> str:
    """What a program says that runs in *folder* without any variable of ours."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("REGULARS_", "PYTHON"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**keep, "REGULARS_NO_KEYRING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as it is shipped, from a copy: a build leaves files beside its source."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = ["pyproject.toml", "README.md", "LICENSE", *{part.split(".")[0] for part in packages()}]
    subprocess.run(["cp", "-R", *(str(ROOT / name) for name in names), str(source)], check=True)
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "wheel", *flags, "--wheel-dir", made, source, folder=source)
    (found,) = made.glob("*.whl")
    return found


def packages() -> list[str]:
    return list(PROJECT["tool"]["setuptools"]["packages"])


def environment(folder: Path) -> Path:
    """A fresh virtual environment; the folder of its programs."""
    venv.create(folder)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def install(programs: Path, wheel: Path, *options: object) -> None:
    """Install the wheel there; with the pip of this environment, since bringing another takes half a minute."""
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet"]
    run(*pip, "--disable-pip-version-check", *options, wheel, folder=programs)


def works(programs: Path, folder: Path) -> None:
    """The installed program says its version, makes a business with a store, and tries an exported file."""
    regulars = programs / "regulars"
    (folder / "contacts.csv").write_text(CONTACTS, "utf-8")

    assert run(regulars, "--version", folder=folder).strip() == f"regulars {PROJECT['project']['version']}"
    run(regulars, "-C", folder / "shop", "init", "--name", "Corner Bakery", "--country", "DE", folder=folder)
    assert "There was no run yet" in run(regulars, "-C", folder / "shop", "runs", folder=folder)
    assert (folder / "shop" / "regulars.db").exists()
    tried = run(regulars, "try", "contacts.csv", "--as", "contacts.csv=hubspot", folder=folder)
    assert "1 person" in tried or "1 record" in tried
    assert list(migrated(programs, folder)) == list(REVISIONS)


def migrated(programs: Path, folder: Path) -> list[str]:
    """The steps of the store that the installed program carries out, one after the other, on a store of the first."""
    script = (
        "from sqlalchemy import create_engine\n"
        "from sync.store import upgrade\n"
        "with create_engine('sqlite://').begin() as conn:\n"
        "    for one in upgrade.REVISIONS:\n"
        "        upgrade.run_migrations(conn, one)\n"
        "        print(conn.exec_driver_sql('SELECT version_num FROM alembic_version').scalar())\n"
    )
    return run(programs / "python", "-c", script, folder=folder).split()


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Installed into a fresh environment, with the libraries of this one, it needs nothing of this folder."""
    programs = environment(tmp_path / "fresh")
    install(programs, wheel, "--no-deps", "--no-index")
    here = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=tmp_path)
    libraries = run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=tmp_path)
    (Path(here.strip()) / "libraries.pth").write_text(libraries, "utf-8")
    where = run(programs / "python", "-c", "import sync; print(sync.__file__)", folder=tmp_path)

    assert Path(where.strip()).is_relative_to(tmp_path)
    works(programs, tmp_path)


@pytest.mark.long
def test_the_wheel_brings_all_that_it_needs(wheel: Path, tmp_path: Path) -> None:
    """Installed as `pipx` does it, with the libraries that it names and no others."""
    programs = environment(tmp_path / "fresh")
    install(programs, wheel, "--constraint", ROOT / "constraints.txt")
    where = run(programs / "python", "-c", "import sync; print(sync.__file__)", folder=tmp_path)

    assert Path(where.strip()).is_relative_to(tmp_path)
    works(programs, tmp_path)


def test_the_wheel_holds_what_it_should(wheel: Path, tmp_path: Path) -> None:
    """All packages and the licence; no tests."""
    names = run(sys.executable, "-m", "zipfile", "-l", wheel, folder=tmp_path)
    ours = {
        path.relative_to(ROOT).as_posix()
        for name in packages()
        for path in (ROOT / name.replace(".", "/")).glob("*.py")
    }

    assert [name for name in sorted(ours) if name not in names] == []
    assert "licenses/LICENSE" in names
    assert "tests/" not in names


def test_there_is_one_licence() -> None:
    """The file says what pyproject.toml and README.md say."""
    assert (ROOT / "LICENSE").read_text("utf-8").startswith(f"{PROJECT['project']['license']} License\n")
    assert "MIT licence" in (ROOT / "README.md").read_text("utf-8")


def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return found


def schema() -> dict[str, Any]:
    path = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_the_composition_is_one() -> None:
    """By the compose specification's own schema, which finds what is misspelt."""
    jsonschema.validate(composition(), schema())
    wrong = composition()
    wrong["services"]["serve"]["depends_onn"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def test_what_is_started_can_be_started() -> None:
    """The commands of the image and of the composition are the program's, options and all."""
    commands = [one["command"] for one in composition()["services"].values() if "command" in one]
    commands += [json.loads(rest) for name, rest in dockerfile() if name == "CMD"]

    assert len(commands) == 3
    for command in commands:
        told = CliRunner().invoke(app, [*command, "--help"])
        options = [word for word in command if word.startswith("--")]
        assert (told.exit_code, [one for one in options if one not in told.stdout]) == (0, []), command


def test_the_image_gets_what_is_installed() -> None:
    """Every package and no other is copied and not ignored; it runs as somebody without rights."""
    copied = {
        word for name, rest in dockerfile() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    }
    wanted = {name.split(".")[0] for name in packages()} | {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    users = [rest for name, rest in dockerfile() if name == "USER"]

    assert copied == wanted == allowed
    assert users == ["1000"]
    needed = int(PROJECT["project"]["requires-python"].rpartition(".")[2])
    for name, rest in dockerfile():
        if name == "FROM":
            assert int(re.findall(r"python:3\.(\d+)", rest)[0]) >= needed


def test_secrets_are_not_in_the_composition() -> None:
    """They come from the environment, and it does not start without them."""
    text = (ROOT / "compose.yaml").read_text("utf-8")

    assert set(re.findall(r"\$\{(\w+):\?", text)) == {"POSTGRES_PASSWORD", "REGULARS_KEY"}
    assert re.findall(r"(?:PASSWORD|KEY): \"(?!\$\{)", text) == []
