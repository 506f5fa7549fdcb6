"""The checksum by which DVC notices that somebody changed what a pointer says of where its content comes from.

Pointers with dependencies (``dvc import``, ``dvc import-url``) carry it as their top-level ``md5``.
"""

import json
from collections.abc import Mapping
from typing import Any

from sycee.digest import md5_hex

_BESIDE = frozenset({"md5", "meta", "desc"})  # at the top: the checksum itself, and what is only told
_SAYS_NOTHING = frozenset(
    {"desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles"}
)


def stage_checksum(value: Mapping[str, Any]) -> str:
    """Return the checksum of a pointer, 32 lower-case hex digits.

    Args:
        value: Its plain value, without keys that say what their absence says.
    """
    counted = {key: item for key, item in value.items() if key not in _BESIDE}
    if counted.get("wdir") == ".":
        del counted["wdir"]
    return md5_hex(json.dumps(_telling(counted), sort_keys=True).encode())


def _telling(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _telling(item) for key, item in value.items() if key not in _SAYS_NOTHING}
    return [_telling(item) for item in value] if isinstance(value, list) else value
