"""A command line that cannot be understood: what is missing or wrong is named, and what to type instead."""

import click
import pytest

from sycee.cli.main import VERBS, cli, main

WRONG = {
    "verify x": "error: whom to trust was not said\nhint: --key FILE for one signer's public key, or --trust FILE, or ",
    "verify": "error: sycee verify needs MODEL|REV:PATH\nhint: for example: sycee verify models/bert --key",
    "oms sign": "error: sycee oms sign needs MODEL and --signature FILE (The bundle's file)\nhint: for example: ",
    "remote add x": "error: sycee remote add needs URL\nhint: for example: sycee remote add -d store s3://bucket/models",
    "remote rename a": "needs NEW\nhint: it goes like this: sycee remote rename [OPTIONS] NAME NEW",
    "diff a b c": "extra argument (c)\nhint: it goes like this: sycee diff [OPTIONS] [A_REV] [B_REV]; see: ",
    "push -j x": "is not a valid integer range.\nhint: what it takes: --jobs N (So many objects at once",
    "push -r": "error: Option '-r' requires an argument.\nhint: see: sycee push --help",
    "--lock-timeout": "error: Option '--lock-timeout' requires an argument.\nhint: see: sycee --help",
    "push --lock-timeout 3": "No such option '--lock-timeout'.\nhint: it stands before the verb: sycee --lock-timeout",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_to_do_now(words, capsys):
    assert main(words.split()) == 2
    assert WRONG[words] in capsys.readouterr().err


def demanding(words, command):
    """Yield each command that needs something, and what."""
    needed = [param for param in command.params if param.required]
    if needed and not isinstance(command, click.Group):
        yield words, needed
    for name, child in getattr(command, "commands", {}).items():
        yield from demanding([*words, name], child)


def test_every_command_names_all_that_it_needs(capsys):
    context = click.Context(cli)
    found = [one for verb in VERBS for one in demanding([verb], cli.get_command(context, verb))]
    assert len(found) > 15
    for words, needed in found:
        assert main(words) == 2
        error, hint = capsys.readouterr().err.splitlines()
        assert error.startswith(f"error: sycee {' '.join(words)} needs ")
        for param in needed:
            assert (
                max(param.opts, key=len) if isinstance(param, click.Option) else param.make_metavar(context)
            ) in error
        assert hint.startswith((f"hint: for example: sycee {' '.join(words)} ", "hint: it goes like this: sycee "))
