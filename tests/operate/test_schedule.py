"""`regulars schedule`: what cron, systemd and launchd are told, and that nothing else of theirs is touched."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from regulars.schedule import Job, job, key_of, name_of, spoken
from regulars.schedule_cron import Cron, line, times
from regulars.schedule_systemd import Systemd
from regulars.trouble import WrongUse
from tests.cli.shop import Shop
from tests.operate.conftest import open_shop
from tests.operate.standins import Machine, as_cron_runs

OTHERS = b"# mine, \xe9t\xe9\nMAILTO=me@example.org\n\n*/5 * * * * /bin/true % input\n\t0 4 * * 1 backup  # regulars"

AWKWARD = ("plain", "with space", "50% off", 'it\'s "quoted"', "a $HOME and `id`", "back\\slash", "Bäckerei 🥐", "-x")


def crontab(machine: Machine) -> bytes:
    return (machine.folder / "crontab.kept").read_bytes()


def test_a_crontab_keeps_its_other_lines(machine: Machine, shop: Shop) -> None:
    """Byte for byte, whatever they are, when an entry comes, changes and goes."""
    machine.has_crontab(OTHERS)
    shown = shop.run("schedule", "--every", "15m")
    added = crontab(machine)
    again = shop.run("schedule", "--every", "1h")
    changed = crontab(machine)
    gone = shop.run("schedule", "--remove")

    assert (shown.code, again.code, gone.code) == (0, 0, 0), shown.err
    assert added.startswith(OTHERS + b"\n")
    assert added.count(b"regulars schedule") == 1
    assert changed.startswith(OTHERS + b"\n")
    assert changed.count(b"regulars schedule") == 1
    assert changed != added
    assert crontab(machine) == OTHERS + b"\n"


def test_what_it_would_do_is_shown_first(machine: Machine, shop: Shop) -> None:
    """The very line that cron then has; `--print` writes nothing; alone it shows what is there."""
    machine.has_crontab(OTHERS)
    printed = shop.run("schedule", "--print", "--with", "cron")
    untouched = crontab(machine)
    nothing = shop.run("schedule")
    done = shop.run("schedule", "--every", "15m")
    mine = crontab(machine).splitlines()[-1].decode()

    assert untouched == OTHERS
    assert mine in printed.out.splitlines()
    assert "Nothing is scheduled" in nothing.out
    assert mine in done.out.splitlines()
    assert mine in shop.run("schedule").out.splitlines()
    assert shop.run("schedule", "--json").json == [
        {"with": "cron", "installed": True, "entries": [{"where": "your crontab", "text": mine}]}
    ]


def test_several_businesses_side_by_side(machine: Machine, tmp_path: Path) -> None:
    """Each folder has an entry of its own, replaced where it stands and removed alone, even where their names match."""
    machine.has_crontab()
    shops = [open_shop(tmp_path / place / "bakery") for place in ("north", "south")]
    for shop in shops:
        assert shop.run("schedule", "--every", "15m").code == 0
    both = crontab(machine).splitlines()
    assert shops[0].run("schedule", "--every", "30m").code == 0
    replaced = crontab(machine).splitlines()
    assert shops[0].run("schedule", "--remove").code == 0

    assert len(both) == len(replaced) == 2
    assert replaced[1] == both[1]
    assert crontab(machine).splitlines() == [both[1]]
    assert str(shops[1].folder).encode() in both[1]


@pytest.mark.parametrize("name", AWKWARD)
def test_cron_runs_what_was_meant(tmp_path: Path, name: str) -> None:
    """Read as cron reads it and run by the shell, the line starts the program with the very folder."""
    folder = tmp_path / name
    folder.mkdir()
    told = tmp_path / "told"
    program = tmp_path / f"my {name} program"
    program.write_text(f"#!{sys.executable}\nimport sys; open({str(told)!r}, 'w').write('\\n'.join(sys.argv[1:]))\n")
    program.chmod(0o755)
    command, environment = as_cron_runs(line(Job(folder, 900, (str(program),))), {})
    subprocess.run(command, env=environment, check=True)

    assert told.read_text("utf-8").split("\n") == ["-C", str(folder), "sync", "--quiet"]


@pytest.mark.parametrize(("every", "minutes", "hours"), [(60, 60, 24), (900, 4, 24), (3600, 1, 24), (21600, 1, 4)])
def test_cron_runs_as_often_as_was_asked(tmp_path: Path, every: int, minutes: int, hours: int) -> None:
    """The fields name as many minutes and hours as there are runs, at even distances."""
    fields = times(Job(tmp_path, every, ("regulars",))).split()
    named = [
        sorted(range(top)) if one == "*" else sorted(map(int, one.split(",")))
        for one, top in zip(fields, (60, 24), strict=False)
    ]

    assert fields[2:] == ["*", "*", "*"]
    assert [len(one) for one in named] == [minutes, hours]
    assert all(len({b - a for a, b in pairwise(one)}) <= 1 for one in named)


def test_a_time_that_cron_cannot_keep_is_refused(machine: Machine, shop: Shop) -> None:
    """Nothing is rounded; systemd takes it."""
    machine.has_crontab(OTHERS)
    refused = shop.run("schedule", "--every", "7m", "--with", "cron")

    assert (refused.code, crontab(machine)) == (2, OTHERS)
    assert "systemd" in refused.err
    assert "OnUnitActiveSec=420s" in shop.run("schedule", "--every", "7m", "--print", "--with", "systemd").out
    assert shop.run("schedule", "--every", "soon").code == 2
    assert shop.run("schedule", "--every", "30s").code == 2


def test_a_crontab_that_cannot_be_read_is_not_written(machine: Machine, shop: Shop) -> None:
    """Whatever else `crontab -l` says than that there is none, nothing is put in its place."""
    machine.has_broken("crontab")
    told = shop.run("schedule", "--every", "15m", "--with", "cron")

    assert told.code == 1
    assert "cannot open the spool" in told.err
    assert machine.calls == [["crontab", "-l"]]


def test_systemd_gets_a_timer_and_a_service(machine: Machine, shop: Shop) -> None:
    """Among the user's own units; told to start the timer, and to forget it when it goes."""
    machine.has("systemctl")
    machine.has_crontab(OTHERS)
    done = shop.run("schedule", "--every", "15m")
    name = name_of(shop.folder)
    units = Path(os.environ["HOME"]) / ".config" / "systemd" / "user"
    written = {path.name for path in units.iterdir()}
    calls = list(machine.calls)
    gone = shop.run("schedule", "--remove")

    assert (done.code, gone.code) == (0, 0), done.err + gone.err
    assert written == {f"{name}.service", f"{name}.timer"}
    assert calls[-3:] == [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", f"{name}.timer"],
        ["systemctl", "--user", "restart", f"{name}.timer"],
    ]
    assert ["systemctl", "--user", "disable", "--now", f"{name}.timer"] in machine.calls
    assert list(units.iterdir()) == []
    assert crontab(machine) == OTHERS


def test_another_scheduler_takes_over(machine: Machine, shop: Shop) -> None:
    """One entry per folder: cron's goes when systemd gets it."""
    machine.has_crontab(OTHERS)
    assert shop.run("schedule", "--every", "15m").code == 0
    machine.has("systemctl")
    assert shop.run("schedule", "--every", "15m").code == 0

    assert crontab(machine) == OTHERS + b"\n"
    assert [one["with"] for one in shop.run("schedule", "--json").json] == ["systemd"]


@pytest.mark.parametrize("name", AWKWARD)
def test_systemd_finds_no_fault(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`systemd-analyze verify` reads both units, and finds the program by the name that was meant."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze on this machine")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / name
    folder.mkdir()
    program = tmp_path / "50% of $HOME" / "regulars"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    pieces = Systemd().pieces(Job(folder, 900, (str(program),)))
    for piece in pieces:
        Path(piece.where).parent.mkdir(parents=True, exist_ok=True)
        Path(piece.where).write_text(piece.text, "utf-8")
    told = subprocess.run(
        [analyze, "verify", "--user", *(piece.where for piece in pieces)],
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert [one for one in told.stderr.splitlines() if "regulars" in one] == []


def test_systemd_would_find_a_fault(tmp_path: Path) -> None:
    """The check before sees a program that is not there, so that it can fail."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze on this machine")
    unit = tmp_path / "regulars-x.service"
    unit.write_text(Systemd().pieces(Job(tmp_path, 900, ("/nowhere/50% regulars",)))[0].text, "utf-8")
    told = subprocess.run(
        [analyze, "verify", "--user", str(unit)],
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "/nowhere/50% regulars" in told.stderr
    for sign in "'\"\\":
        with pytest.raises(WrongUse, match="quotes or a backslash"):
            Systemd().pieces(Job(tmp_path, 900, (f"/nowhere/{sign}/regulars",)))


def test_launchd_gets_an_agent(machine: Machine, shop: Shop) -> None:
    """A property list that launchd's own format reads; replaced, it is first forgotten."""
    machine.has("launchctl")
    done = shop.run("schedule", "--every", "15m", "--with", "launchd")
    again = shop.run("schedule", "--every", "30m", "--with", "launchd")
    path = Path(os.environ["HOME"]) / "Library" / "LaunchAgents" / f"{name_of(shop.folder)}.plist"
    agent = plistlib.loads(path.read_bytes())
    gone = shop.run("schedule", "--remove")
    domain = f"gui/{os.getuid()}"

    assert (done.code, again.code, gone.code) == (0, 0, 0), done.err
    assert agent["ProgramArguments"][-4:] == ["-C", str(shop.folder), "sync", "--quiet"]
    assert (agent["StartInterval"], agent["Label"]) == (1800, name_of(shop.folder))
    assert machine.calls == [
        ["launchctl", "bootstrap", domain, str(path)],
        ["launchctl", "bootout", f"{domain}/{name_of(shop.folder)}"],
        ["launchctl", "bootstrap", domain, str(path)],
        ["launchctl", "bootout", f"{domain}/{name_of(shop.folder)}"],
    ]
    assert not path.exists()


@pytest.mark.parametrize(("by", "program"), [("cron", "crontab"), ("systemd", "systemctl"), ("launchd", "launchctl")])
def test_what_is_not_there_is_said(machine: Machine, shop: Shop, by: str, program: str) -> None:
    """Named or not, a scheduler that this machine lacks is named, with the way out; shown it can be all the same."""
    named = shop.run("schedule", "--every", "15m", "--with", by)
    unnamed = shop.run("schedule", "--every", "15m")

    assert (named.code, unnamed.code) == (2, 2)
    assert f"no {program}" in named.err
    assert f"no {program}" in unnamed.err
    assert "--print" in named.err
    assert shop.run("schedule", "--print", "--with", by).code == 0
    assert shop.run("schedule", "--remove").code == 0


def test_systemd_without_a_user_is_passed_over(machine: Machine, shop: Shop) -> None:
    """Where systemd does not answer for this user, as in a container, cron is taken."""
    machine.has("systemctl", 'sys.exit("Failed to connect to bus")')
    machine.has_crontab()
    done = shop.run("schedule", "--every", "15m")

    assert done.code == 0, done.err
    assert b"sync --quiet" in crontab(machine)


def test_what_only_this_shell_knows_is_refused(machine: Machine, shop: Shop) -> None:
    """With another store an entry would begin from nothing; kept in regulars.env, the variable is found everywhere."""
    machine.has_crontab()
    address = "postgresql://db.example/regulars"
    refused = shop.run("schedule", "--every", "15m", REGULARS_DATABASE=address)
    shown = shop.run("schedule", "--print", REGULARS_DATABASE=address)
    with (shop.folder / "regulars.env").open("a", encoding="utf-8") as file:
        file.write(f'REGULARS_DATABASE="{address}"\n')
    taken = shop.run("schedule", "--every", "15m", REGULARS_DATABASE=address)

    assert refused.code == 2
    assert "REGULARS_DATABASE is set here" in refused.err
    assert "REGULARS_DATABASE is set here" in shown.err
    assert taken.code == 0, taken.err


def test_only_a_business_is_scheduled(machine: Machine, tmp_path: Path) -> None:
    """A folder without regulars.toml is refused, and so is one whose name no crontab could hold."""
    machine.has_crontab()

    assert Shop(tmp_path / "nothing").run("schedule", "--every", "15m").code == 2
    with pytest.raises(WrongUse, match="line break"):
        job(tmp_path / "two\nlines", 900)


def test_names_and_times_for_people(tmp_path: Path) -> None:
    """An entry's name holds no sign that a file name or a unit may not; each folder has another."""
    awkward = [tmp_path / name for name in AWKWARD]

    assert len({key_of(folder) for folder in awkward}) == len(AWKWARD)
    assert all(name_of(folder).replace("-", "").isalnum() and name_of(folder).isascii() for folder in awkward)
    assert [spoken(one) for one in (60, 900, 3600, 86_400, 7200, 90)] == [
        "minute", "15 minutes", "hour", "day", "2 hours", "90 seconds",
    ]  # fmt: skip


def test_a_real_crontab_takes_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this machine's crontab can check a file without installing it, it finds no fault."""
    if shutil.which("crontab") is None:
        pytest.skip("there is no crontab on this machine")
    file = tmp_path / "file"
    file.write_bytes(line(Job(tmp_path / "50% off", 900, ("/opt/my programs/regulars",))))
    told = subprocess.run(["crontab", "-T", str(file)], capture_output=True, text=True, check=False)
    if "invalid option" in told.stderr or "usage" in told.stderr.lower():
        pytest.skip("this crontab checks no file")

    assert told.returncode == 0, told.stderr


def test_the_right_program_is_started(machine: Machine) -> None:
    """The entry names a program that is there, with its whole path."""
    command = job(machine.folder, 900).command

    assert Path(command[0]).is_absolute()
    assert os.access(command[0], os.X_OK)
    assert Cron().absent()
