"""The command line: `regulars`, its commands in the order in which a business meets them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from regulars import (
    commands_backup,
    commands_campaigns,
    commands_care,
    commands_connect,
    commands_decide,
    commands_erase,
    commands_export,
    commands_fields,
    commands_look,
    commands_notices,
    commands_platforms,
    commands_roles,
    commands_sandbox,
    commands_schedule,
    commands_segments,
    commands_serve,
    commands_setup,
    commands_subscriptions,
    commands_sync,
    commands_task,
    commands_try,
    commands_waiting,
    commands_webhooks,
    environment,
)
from regulars.session import CURRENT, Session, mistakes
from regulars.trouble import WrongUse


class _Plain(TyperGroup):
    """Whatever goes wrong in a command ends as a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        with mistakes():
            return super().invoke(ctx)


_SHOWN = sys.stdout.isatty()

app = typer.Typer(
    name="regulars",
    cls=_Plain,
    help="Keeps a small business's tools in agreement about the people it knows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if _SHOWN else None,
    # In a pipe nothing is cut. A terminal tells its own width.
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": None if _SHOWN else 160},
    epilog="Exit codes: 0 done, 1 something was refused or waits for you, 2 wrong use or configuration, "
    "3 a connection failed.",
)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"regulars {version('regulars')}")
        except PackageNotFoundError:
            typer.echo("regulars (not installed)")
        raise typer.Exit


@app.callback()
def _start(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Option("-C", "--folder", metavar="DIR", help="The business's folder.")] = Path(),
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    CURRENT.clear()
    CURRENT.append(Session(folder.expanduser()))
    if folder.exists() and not folder.is_dir():
        raise WrongUse(f"{folder} is no folder.")
    ctx.call_on_close(environment.take(CURRENT[-1].folder))


_PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Set up": {
        "try": commands_try.try_,
        "init": commands_setup.init,
        "platforms": commands_platforms.platforms,
        "connect": commands_connect.connect,
        "connections": commands_setup.connections,
        "disconnect": commands_setup.disconnect,
        "fields": commands_fields.fields,
        "sandbox": commands_sandbox.sandbox,
    },
    "Keep in agreement": {
        "sync": commands_sync.sync,
        "plan": commands_sync.plan,
        "apply": commands_sync.apply,
        "undo": commands_sync.undo,
        "runs": commands_sync.runs,
        "schedule": commands_schedule.schedule,
        "task": commands_task.task,
    },
    "In real time": {
        "serve": commands_serve.serve,
        "worker": commands_serve.worker,
        "webhooks": commands_webhooks.webhooks,
        "inbox": commands_webhooks.inbox_,
        "subscriptions": commands_subscriptions.subscriptions,
        "deliveries": commands_subscriptions.deliveries,
        "api-key": commands_subscriptions.api_key,
    },
    "Decide": {
        "conflicts": commands_waiting.conflicts,
        "settle": commands_decide.settle,
        "duplicates": commands_waiting.duplicates,
        "held": commands_waiting.held,
        "lead": commands_decide.lead,
        "join": commands_decide.join,
        "split": commands_decide.split,
        "role": commands_roles.role,
        "leave-alone": commands_decide.leave_alone,
        "release": commands_decide.release,
        "erase": commands_erase.erase,
    },
    "Look": {
        "status": commands_look.status,
        "people": commands_look.people,
        "person": commands_look.person,
        "why": commands_look.why,
        "campaigns": commands_campaigns.campaigns,
        "segments": commands_segments.segments,
        "segment": commands_segments.segment,
    },
    "Carry out and in": {
        "export": commands_export.export,
        "import": commands_export.import_,
    },
    "Look after it": {
        "notices": commands_notices.notices,
        "doctor": commands_care.doctor,
        "backup": commands_backup.backup,
        "rebuild": commands_care.rebuild,
    },
}

for _panel, _commands in _PANELS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


def run() -> None:
    """Run the command line; Ctrl-C passes through to `regulars.__main__`, which also minds the loading."""
    signal.signal(signal.SIGTERM, _terminated)
    app()
