"""Verbs that people know from dvc, and that sycee leaves to it: what to type instead."""

_SAME = "dvc {} works on the same repository"
_IMPORT = "dvc {} does, and sycee pull brings its content here and in every clone"
_PIPELINE = "dvc {} runs steps, and sycee add, push and pull take care of what they made"

_INSTEAD = {
    **dict.fromkeys(("import", "import-url"), _IMPORT),
    "update": "dvc update takes what an import has become at its source; sycee pull brings what its pointer names",
    **dict.fromkeys(("repro", "exp", "experiments", "queue"), _PIPELINE),
    **dict.fromkeys(
        ("metrics", "params"), "dvc {} shows them; those of a model are in its card: sycee card, sycee review"
    ),
    "version": "sycee --version, or with all that is around it: sycee doctor",
    "unfreeze": "dvc unfreeze does, for the steps of a pipeline; sycee freeze makes a version of a model",
    "artifacts": "dvc artifacts does, and sycee get takes a model by its path: sycee get REPO PATH --rev REV",
    **dict.fromkeys(
        ("dag", "destroy", "du", "get-url", "import-db", "list-url", "ls-url", "plots", "stage", "studio"), _SAME
    ),
}


def instead_of(verb: str) -> str | None:
    """Return what does the work of a verb of dvc that sycee has not, or None for any other word."""
    found = _INSTEAD.get(verb)
    return found and found.format(verb)
