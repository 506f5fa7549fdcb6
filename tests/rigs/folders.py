"""Model folders of all kinds for property tests: names that people give, and names that break weak readers."""

from hypothesis import strategies as st

from sycee.core import modelfolder
from sycee.formats.paths import colliding

_COMPONENT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=8),
    st.sampled_from(["model", "a b", "x:1:2", "日本", "sub", "sub-1", "sub.txt", "sums.txt", "#", "-rf", "*", "~"]),
)
NAMES = st.builds(
    lambda parts, suffix: "/".join(parts) + suffix,
    st.lists(_COMPONENT, min_size=1, max_size=3),
    st.sampled_from(["", ".pt", ".safetensors", ".py", ".json"]),
)


_OURS = {"records", "dvc.yaml", "dvc.lock", "SHA256SUMS", "model_card.yaml"}


def _signable(files: dict[str, bytes]) -> bool:
    folders = modelfolder.folders_of(files)
    return (
        all(modelfolder.refusal(name) is None for name in files)
        and not colliding([*files, *folders])
        and not any(name in folders for name in files)
        and not any(name.endswith((".dvc", ".sig")) for name in [*files, *folders])  # ours: regular files of a kind
        and not any(part in _OURS or part.startswith(".git") for name in files for part in name.split("/"))
    )


MODEL_FOLDERS = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=6).filter(_signable)
