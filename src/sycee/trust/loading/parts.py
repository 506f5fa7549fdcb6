"""Some tensors of a safetensors file, verified without reading the others, by the digests that were signed with it."""

from collections.abc import Collection, Sequence

from sycee.digest import hasher
from sycee.errors import ContextMismatch, DigestMismatch, FormatError
from sycee.formats import strictjson, tensordigests, tensorfile, tensorheader
from sycee.formats.tensordigests import FileTensors, TensorDigest, by_place
from sycee.formats.tensorheader import PREFIX
from sycee.system.onepass import read_at
from sycee.system.sealed import SealedFile, seal_parts
from sycee.trust.folder import Folder

DIGESTS = f"context/{tensordigests.NAME}"
INDEX_SUFFIX = ".safetensors.index.json"  # what writers of shards leave beside them: tensor to file
_MAX_INDEX = 64 << 20  # bytes


def holding(index: bytes, files: Sequence[str], names: Collection[str]) -> Sequence[str]:
    """Return those of the files that hold a tensor of one of these names, as the index says; all if it is none.

    Args:
        index: The text of the index.
        files: The shards, below the model's folder.
        names: Of tensors.
    """
    try:
        found = strictjson.parse(index, "the index", limit=_MAX_INDEX)
    except FormatError:
        return files
    shards = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(shards, dict) or not all(name in shards for name in names):
        return files
    wanted = {shards[name] for name in names if isinstance(shards[name], str)}
    return [file for file in files if file.rpartition("/")[2] in wanted]


def take(folder: Folder, signed: FileTensors, names: Collection[str]) -> SealedFile:
    """Return a safetensors file of these tensors alone, in sealed memory.

    Args:
        folder: The open model folder.
        signed: What was signed of the file.
        names: Of its tensors.

    Raises:
        DigestMismatch: If the header, or one of these tensors, is not what was signed.
        ContextMismatch: If the digests were signed of another header than the file has.
        NotFound: If the file is gone.
    """
    wanted = {tensor.place.key: tensor for tensor in signed.tensors if tensor.place.key in names}
    with folder.opened(signed.path) as fd:
        _check_header(fd, signed)
        head, order = tensorfile.head({key: tensor.place.shape for key, tensor in wanted.items()})
        ranges = [_range(signed, wanted[key]) for key in order]
        sealed, digests = seal_parts(signed.path, fd, head, ranges)
    for key, digest in zip(order, digests, strict=True):
        if digest != wanted[key].blake3:
            sealed.close()
            raise _differs(signed.path, f"the tensor {key!r}", wanted[key].blake3, digest)
    return sealed


def _range(signed: FileTensors, tensor: TensorDigest) -> tuple[int, int]:
    return signed.head + tensor.place.begin, signed.head + tensor.place.end


def _check_header(fd: int, signed: FileTensors) -> None:
    """Compare prefix and header with their digest, and with what was signed of each tensor: that could contradict."""
    one, data = hasher("blake3"), read_at(fd, 0, signed.head)
    one.update(data)
    if one.hexdigest() != signed.blake3:
        raise _differs(signed.path, "its header", signed.blake3, one.hexdigest())
    listed = tensorheader.places(data[PREFIX:], signed.size, signed.path)
    if sorted(listed, key=by_place) != [tensor.place for tensor in signed.tensors]:
        raise ContextMismatch(
            f"the digests of the tensors of {signed.path} were made of another header",
            hint="freeze the model anew, and sign it; or load the file whole",
            path=signed.path,
        )


def _differs(path: str, what: str, expected: str, found: str) -> DigestMismatch:
    return DigestMismatch(
        f"{path} is not what was signed: {what} has other bytes: expected blake3:{expected}, found blake3:{found}",
        hint="do not use it; restore the signed version (git checkout, sycee checkout)",
        path=path,
    )
