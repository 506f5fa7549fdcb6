"""A model folder compared with its own ``SHA256SUMS``, every byte: what holds without a key.

Anybody could have written the sums; so it proves what broke, and, to whom knows the identity, everything.
"""

from pathlib import Path

from sycee.core.progress import Progress
from sycee.digest import sha256_hex
from sycee.errors import DigestMismatch, NotFound
from sycee.formats import sums
from sycee.formats.statement import Resource, Statement
from sycee.trust import content
from sycee.trust.content import Signed
from sycee.trust.folder import Folder
from sycee.trust.reading import Reader


def read_by_sums(model: Path, reader: Reader, progress: Progress) -> tuple[str, frozenset[str]]:
    """Read every file of a model folder once, and compare it with what the folder's sums say.

    Args:
        model: The model folder.
        reader: What takes in the bytes.
        progress: Where to announce them.

    Returns:
        The identity that the sums give, and the names of the weights.

    Raises:
        NotFound: If the folder is not there, or has no sums.
        FormatError: If the sums break their format.
        DigestMismatch: With every problem.
    """
    with Folder(model) as folder:
        try:
            text = folder.read(sums.NAME, sums.MAX_SIZE)
        except NotFound:
            raise NotFound(f"{model} has no {sums.NAME}", hint="sign it first: sycee sign", path=str(model)) from None
        listed = {**sums.parse(text), sums.NAME: sha256_hex(text)}
        signed = Signed.of(Statement("", tuple(Resource(*pair) for pair in listed.items()), (), {}))
        listing = folder.scan()
        problems = content.set_problems(folder, signed, listing)
        found = content.read_all(folder, signed, listing, reader, skip=frozenset(), progress=progress)
    if problems := [*problems, *found.problems]:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise DigestMismatch(
            f"{model} is not what its {sums.NAME} says:{lines}", problems=[problem.as_json() for problem in problems]
        )
    return sums.identity(text), signed.weights
