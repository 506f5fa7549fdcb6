"""Exit codes: those of the errors, or DVC's for scripts that know these (``--dvc-exit-codes``).

DVC answers 0 or 1 where a verb catches its own errors, and these where one escapes:

    251  configuration      252  interrupted      253  not in a repository      254  unknown words      255  other

Verbs that DVC does not have keep their codes.
"""

from collections.abc import Mapping, Sequence

from sycee.errors import ConfigError, MissingData, NoRepository, NotSet, SyceeError

FLAG = "--dvc-exit-codes"
VARIABLE = "SYCEE_DVC_EXIT_CODES"
USAGE = 2
NOT_READ = 141  # nobody reads the output: the same in both

_CONFIG, _INTERRUPTED, _NO_REPOSITORY, _WORDS, _OTHER = 251, 252, 253, 254, 255
_BY_SIGNAL = 130  # as shells count: 128 and the number of the signal
STOPPED = frozenset({_BY_SIGNAL, _INTERRUPTED})

# What a verb of DVC's answers when it fails.
_CATCHING = (
    *("add", "commit", "destroy", "diff", "fetch", "freeze", "get", "get-url", "import", "import-url", "init"),
    *("install", "list", "move", "pull", "push", "remove", "status", "unfreeze", "update"),
)
_ESCAPING = ("check-ignore", "checkout", "data", "gc", "git-hook", "root", "unprotect")
_CONFIGURING = ("cache", "config", "remote")
_FAILED: Mapping[str, int] = {
    **dict.fromkeys(_CATCHING, 1),
    **dict.fromkeys(_ESCAPING, _OTHER),
    **dict.fromkeys(_CONFIGURING, _CONFIG),
}
# Errors that have a code of their own, but in verbs that configure.
_ANYWHERE: Mapping[type[SyceeError], int] = {NoRepository: _NO_REPOSITORY, ConfigError: _CONFIG}
# Where DVC differs from its own rules, and sycee from it on purpose: to DVC this data is no loss.
_APART: Mapping[tuple[str, type[SyceeError]], int] = {
    ("push", MissingData): 0,
    ("fetch", MissingData): 0,
    ("config", NotSet): 0,
    ("remote", NotSet): 1,
}


class ExitCodes:
    """The exit codes of one command.

    Args:
        as_dvc: Whether they are DVC's.
    """

    def __init__(self, *, as_dvc: bool = False) -> None:
        self.as_dvc = as_dvc
        self.verb: str | None = None  # known as soon as the command line is understood so far

    @property
    def interrupted(self) -> int:
        """The code of a command that the user stopped."""
        return _INTERRUPTED if self.as_dvc else _BY_SIGNAL

    @property
    def usage(self) -> int:
        """The code of a command line that cannot be understood."""
        return _WORDS if self.as_dvc else USAGE

    def of(self, error: SyceeError) -> int:
        """Return the code of an error."""
        if not self.as_dvc:
            return error.exit_code
        if self.verb is None:
            return _WORDS
        return _as_dvc(self.verb, error)


def _as_dvc(verb: str, error: SyceeError) -> int:
    if (verb, type(error)) in _APART:
        return _APART[verb, type(error)]
    if verb not in _FAILED:
        return error.exit_code
    return _FAILED[verb] if verb in _CONFIGURING else _ANYWHERE.get(type(error), _FAILED[verb])


def wanted(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell whether DVC's codes are asked for, by an option before the verb or by the environment."""
    return FLAG in words or environ.get(VARIABLE, "").lower() in {"1", "true", "yes"}
