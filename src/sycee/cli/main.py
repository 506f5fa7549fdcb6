"""The ``sycee`` command: a table of verbs, loaded one at a time, and the one place where errors become words.

To add a verb, copy a file in ``commands/`` and add a line to :data:`SECTIONS`.
"""

import gc
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import click
from click.exceptions import NoArgsIsHelpError

import sycee
from sycee.cli import exitcodes
from sycee.cli.context import Context
from sycee.cli.exitcodes import ExitCodes
from sycee.cli.leftverbs import instead_of
from sycee.cli.usage import explained
from sycee.cli.words import NobodyReads, echo, echo_json
from sycee.core.printable import below
from sycee.errors import FormatError, InternalError, SyceeError, UsageError
from sycee.system.locks import DEFAULT_WAIT
from sycee.system.refusals import refused

# After how many new objects Python looks for cycles. With its own 700, a command on a folder of a hundred thousand
# files spends a third of its time there, walking the same long lists again and again.
NEW_OBJECTS = 50_000

SECTIONS = {
    "Track files and folders": {
        "init": "Make a repository in the current Git work tree.",
        "add": "Track files and folders by digest.",
        "commit": "Store what changed in tracked files and folders.",
        "checkout": "Make files what their pointers say, from the cache.",
        "move": "Rename a tracked file or folder.",
        "remove": "Stop tracking what pointers name.",
        "unprotect": "Make links into the cache ordinary files.",
    },
    "See what changed": {
        "status": "Show what differs from the pointers.",
        "diff": "Show what changed between two versions.",
        "data": "Show what differs between last commit, pointers and files.",
        "review": "Show on one page what a set of commits changes.",
        "list": "List what a repository holds.",
        "check-ignore": "Show which paths .dvcignore leaves out, and why.",
        "root": "Print the path of the repository's root.",
    },
    "Move objects": {
        "fetch": "Bring objects from a remote into the cache.",
        "pull": "Fetch, then check out.",
        "push": "Store objects on a remote.",
        "get": "Copy a file or folder out of another repository.",
    },
    "Keep stores whole": {
        "check": "Prove that every object is there and whole.",
        "gc": "Remove objects that nothing refers to.",
    },
    "Models: cards and signatures": {
        "freeze": "Make a version of a model: weights, card and context.",
        "card": "Show, compare and export model cards.",
        "adopt": "Give models that are tracked already a card and digests.",
        "keygen": "Make a pair of signing keys.",
        "key": "Look at key files, and give public halves away.",
        "sign": "Sign a model: weights, card and context as one.",
        "verify": "Prove that a model is what was signed.",
        "attest": "Sign what became known of a version later.",
        "trust": "Say who may sign models here, and what is withdrawn.",
        "channel": "Let a name such as production stand for a version.",
        "oms": "Sign and verify any folder by OpenSSF Model Signing.",
        "convert": "Make a safetensors version of torch weights.",
        "scan": "List what pickles would look up when they are loaded.",
        "replay": "Prove that a model comes out the same here.",
        "export": "Copy a model to serve it without Git.",
    },
    "Settings": {
        "remote": "Name the stores to push to and pull from.",
        "config": "Show and change settings.",
        "cache": "Say where the cache lies; bring an old one up to date.",
    },
    "Git, shell and machine": {
        "install": "Let Git call sycee: hooks, and drivers for pointers.",
        "git-hook": "Do what Git asks for, after sycee install.",
        "doctor": "Look for what could go wrong here.",
        "completion": "Print the shell's completion script.",
    },
}

VERBS = {verb: line for verbs in SECTIONS.values() for verb, line in verbs.items()}

ALIASES = {"rm": "remove", "mv": "move", "ls": "list"}  # what fingers type; not shown

EPILOG = """
A training script ends in sycee.freeze("models/x", task=…, metrics=…); a server begins with
sycee.load("models/x", key="release.key.pub").

Exit codes: 0 done; 1 could not be done; 2 wrong usage; 10 verification failed: 11 digest, 12 signature, 13 policy,
14 context, 15 replay; 20 remote or network; 70 a bug. With --dvc-exit-codes those of DVC.
"""


class _Verbs(click.Group):
    """Loads the module of a verb only when it is used, so that ``--help`` and ``status`` start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in VERBS:
            return None
        return _dressed(import_module(f"sycee.cli.commands.{cmd_name.replace('-', '_')}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = [ALIASES.get(args[0], args[0]), *args[1:]]
        if args[0] not in VERBS and not ctx.resilient_parsing:
            raise _unknown(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, VERBS))
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(verb.ljust(width), line) for verb, line in verbs.items()])


def _dressed(command: click.Command) -> click.Command:
    r"""Give a verb what all verbs have.

    Paragraphs below ``\b`` keep their lines: click wants a backspace there, and our docstrings are raw. ``-q`` and
    ``-v`` may stand behind the verb, where DVC's stand.
    """
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _dressed(child)
    if not any(option.name == "quiet" for option in command.params):
        command.params += [
            click.Option(["-q", "--quiet"], is_flag=True, hidden=True, expose_value=False, callback=_hush),
            click.Option(["-v", "--verbose"], count=True, hidden=True, expose_value=False),
        ]
    return command


def _hush(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        ctx.obj = replace(ctx.obj, quiet=True)


def _unknown(word: str) -> UsageError:
    if hint := instead_of(word):
        return UsageError(f"sycee leaves {word!r} to dvc", hint=hint)
    return UsageError(f"there is no verb {word!r}", hint=_suggestion(word))


def _suggestion(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, VERBS)
    return f"did you mean {' or '.join(close)}?" if close else "see all of them: sycee --help"


@click.group(
    cls=_Verbs,
    epilog=EPILOG,
    subcommand_metavar="VERB …",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "auto_envvar_prefix": None},
)
@click.option("-C", "--cd", "folder", metavar="DIR", type=click.Path(), help="Run as if started in DIR.")
@click.option("-q", "--quiet", is_flag=True, help="Print no messages, only data and errors. Behind the verb too.")
@click.option("-v", "--verbose", count=True, hidden=True, expose_value=False)
@click.option("--wait-for-lock", "endless", is_flag=True, help="Wait for other commands as long as they take.")
@click.option(
    "--lock-timeout",
    "wait",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=DEFAULT_WAIT,
    show_default=True,
    help="How long to wait for other commands that work here.",
)
@click.option(exitcodes.FLAG, is_flag=True, help=f"Exit with DVC's codes; also by {exitcodes.VARIABLE}=1.")
@click.version_option(sycee.__version__, "-V", "--version", message="sycee %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, folder: str | None, wait: float, **flags: bool) -> None:
    """Version deep-learning models with Git: weights and the stamp in one body.

    Every sycee repository is a plain DVC repository, and the other way round.
    """
    cwd = _start(folder or "")
    codes = ctx.ensure_object(ExitCodes)
    codes.verb = ctx.invoked_subcommand
    ctx.obj = Context(
        Path(os.path.normpath(cwd)),
        flags["quiet"],
        os.environ,
        wait=math.inf if flags["endless"] else wait,
        dvc_exit_codes=codes.as_dvc,
    )


def _start(folder: str) -> Path:
    """Return the folder to start in; with the whole path of one, the working folder may be gone."""
    try:
        cwd = Path(folder) if Path(folder).is_absolute() else Path.cwd() / folder
    except FileNotFoundError as error:
        raise UsageError(
            "the working folder was deleted", hint="go to one that is there, or start with: sycee -C /path/of/a/folder"
        ) from error
    if not cwd.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="-C takes the folder to start in")
    return cwd


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no traceback leaves this function.

    Args:
        arguments: What follows the program's name; those of the process when None.
    """
    gc.set_threshold(NEW_OBJECTS)
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    codes = ExitCodes(as_dvc=exitcodes.wanted(words, os.environ))
    try:
        done = cli.main(words, prog_name="sycee", standalone_mode=False, obj=codes)
    except click.ClickException as wrong:
        _report_usage(wrong, codes.verb, as_json=as_json)
        return codes.usage
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing is half done, run the command again to go on", err=True)
        return codes.interrupted
    except NobodyReads:
        sys.stdout = None  # Python must not try to flush it
        return exitcodes.NOT_READ
    except Exception as error:  # noqa: BLE001 - the last line before a user would see a traceback
        told = _in_words(error)
        _report(told, as_json=as_json)
        return codes.of(told)
    return done if isinstance(done, int) else 0  # what a verb gave to click's ``Context.exit``


def _in_words(error: Exception) -> SyceeError:
    if isinstance(error, SyceeError):
        return error
    return refused(error) if isinstance(error, OSError) else _from_bug(error)


def _report_usage(wrong: click.ClickException, verb: str | None, *, as_json: bool) -> None:
    if isinstance(wrong, NoArgsIsHelpError):
        click.echo(wrong.format_message(), err=True)
        return
    _report(explained(wrong, verb), as_json=as_json)


def _report(error: SyceeError, *, as_json: bool) -> None:
    if as_json:
        echo_json(_machine_readable(error))
    echo(f"{click.style('error:', fg='red')} {below(error.message)}", err=True)
    if isinstance(error, FormatError) and len(error.faults) > 1:
        for fault in error.faults:
            echo(f"  {below(str(fault))}", err=True)
    if error.hint:
        echo(f"{click.style('hint:', fg='cyan')} {below(error.hint)}", err=True)


def _machine_readable(error: SyceeError) -> dict[str, object]:
    faults = [{"path": f.path, "message": f.message} for f in error.faults] if isinstance(error, FormatError) else []
    return {
        "error": type(error).__name__,
        "exit_code": error.exit_code,
        "message": error.message,
        "hint": error.hint,
        **({"faults": faults} if faults else {}),
        **({"details": dict(error.details)} if error.details else {}),
    }


def _from_bug(error: Exception) -> SyceeError:
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    place = f" in {Path(last.tb_frame.f_code.co_filename).name}, line {last.tb_lineno}" if last else ""
    return InternalError(
        f"a bug in sycee: {type(error).__name__}: {error}{place}",
        hint=f"please report it with the command you typed and sycee {sycee.__version__}",
    )
