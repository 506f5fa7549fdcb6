"""The digests of single tensors that a freeze keeps, so that a part of the weights can be verified by itself."""

import os
from collections.abc import Collection
from pathlib import Path

from sycee.digest import hasher
from sycee.formats import tensordigests, tensorheader
from sycee.formats.tensordigests import FileTensors, TensorDigest, by_place
from sycee.formats.tensorheader import PREFIX
from sycee.ops.context import FOLDER, Part
from sycee.system.onepass import hash_range, open_regular, read_at

DIGESTS = f"{FOLDER}/{tensordigests.NAME}"
_SUFFIX = ".safetensors"


def tensor_parts(folder: Path, weights: Collection[str]) -> tuple[Part, ...]:
    """Return ``context/tensors.json``; nothing for a model without safetensors weights.

    Args:
        folder: The model's folder.
        weights: Its weights files, below it.

    Raises:
        FormatError: If such a file is no safetensors, or there are more tensors than can be listed.
    """
    files = [_digested(folder / name, name) for name in sorted(weights) if name.endswith(_SUFFIX)]
    if not files:
        return ()
    data = tensordigests.render(files)
    tensordigests.parse(data)  # nothing is written that a reader would refuse
    return (Part(DIGESTS, data, "tensors"),)


def _digested(path: Path, name: str) -> FileTensors:
    fd = open_regular(path.resolve())
    try:
        size = os.fstat(fd).st_size
        length = tensorheader.header_size(read_at(fd, 0, PREFIX), size, name)
        data = read_at(fd, 0, PREFIX + length)
        places = sorted(tensorheader.places(data[PREFIX:], size, name), key=by_place)
        head = len(data)
        tensors = [TensorDigest(one, hash_range(fd, head + one.begin, head + one.end)) for one in places]
    finally:
        os.close(fd)
    digest = hasher("blake3")
    digest.update(data)
    return FileTensors(name, head, digest.hexdigest(), tensors)
