"""Small wheels, made here, and distributions that look installed."""

import base64
import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

TAG = "py3-none-any"


def make_wheel(folder: Path, name: str, version: str, *, tag: str = TAG, code: str = "") -> Path:
    """Write a wheel with one module of the same name, whose ``VERSION`` is its version; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"VERSION = {version!r}\n{code}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    lines = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in members.items()]
    members[f"{info}/RECORD"] = "".join(f"{line}\n" for line in [*lines, f"{info}/RECORD,,"])
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install(wheel: Path, site: Path, *, direct_url: Mapping[str, object] | None = None, installer: str = "pip") -> None:
    """Unpack a wheel into a folder, with an installer's notes."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    info = site / f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    (info / "INSTALLER").write_text(f"{installer}\n")
    if direct_url:
        (info / "direct_url.json").write_text(json.dumps(direct_url))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
