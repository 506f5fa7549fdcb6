"""Which paths of a work tree do not exist for DVC: by ``.dvcignore``, and because another project begins there."""

from pathlib import Path

from sycee.formats import dvcignore
from sycee.formats.dvcignore import Matcher, Rule, Verdict


class Ignored:
    """Judges the paths below a root; reads each ``.dvcignore`` on the way to them once.

    One object serves one operation: it does not notice later changes of the files.
    """

    def __init__(self, root: Path) -> None:
        """Read nothing yet.

        Args:
            root: The repository's root.
        """
        self._root = root
        self._matchers: dict[str, Matcher] = {}
        self._projects: dict[str, str | None] = {"": None}

    def ignores(self, relpath: str, *, is_dir: bool = False) -> bool:
        """Tell whether DVC walks past a path.

        Args:
            relpath: Below the root, with ``/``.
            is_dir: Whether it is a folder.

        Raises:
            FormatError: If a ``.dvcignore`` that holds there is malformed.
        """
        return self.verdict(relpath, is_dir=is_dir).ignored

    def verdict(self, relpath: str, *, is_dir: bool = False) -> Verdict:
        """Judge a path as :meth:`ignores` does, and name the rule that decided."""
        folder = relpath.rpartition("/")[0]
        project = self._project_on_the_way(relpath if is_dir else folder)
        if project is None:
            return self._matcher(folder).match(relpath, is_dir=is_dir)
        above, _, name = project.rpartition("/")
        verdict = self.by_rules(above, is_dir=True) if above else Verdict()
        return verdict if verdict.ignored else Verdict(True, Rule(f"/{name}/", above, f"in sub_repo:{name}"))

    def by_rules(self, relpath: str, *, is_dir: bool = False) -> Verdict:
        """Judge a path by the rules alone: a project inside this one counts as a usual folder."""
        return self._matcher(relpath.rpartition("/")[0]).match(relpath, is_dir=is_dir)

    def _matcher(self, folder: str) -> Matcher:
        known = self._matchers.get(folder)
        if known is not None:
            return known
        matcher = Matcher()
        parts = folder.split("/") if folder else []
        for depth in range(len(parts) + 1):  # a loop, since a hostile folder can be deeper than Python's stack
            one = "/".join(parts[:depth])
            if one not in self._matchers:
                self._matchers[one] = self._extended(matcher, one)
            matcher = self._matchers[one]
        return matcher

    def _extended(self, above: Matcher, folder: str) -> Matcher:
        path = self._root / folder / dvcignore.NAME
        relpath = f"{folder}/{dvcignore.NAME}" if folder else dvcignore.NAME
        if not path.is_file() or above.match(relpath, is_dir=False).ignored:
            return above
        with path.open("rb") as file:  # a link may lead to any file
            rules = dvcignore.parse(file.read(dvcignore.MAX_BYTES + 1), folder)
        return Matcher((*above.rules, *rules)) if rules else above

    def _project_on_the_way(self, folder: str) -> str | None:
        """Return the first folder on the way down to this one, or this one, that is a project of its own."""
        if folder not in self._projects:
            parts, project = folder.split("/"), None
            for one in ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1)):
                if project is None and one not in self._projects:
                    self._projects[one] = one if (self._root / one / ".dvc").exists() else None
                project = self._projects.setdefault(one, project)
        return self._projects[folder]
