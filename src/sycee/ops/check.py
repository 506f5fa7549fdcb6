"""``sycee check``: is every object that the pointers name there, and is it what they say? And mend what is not.

Nothing that was remembered is believed: every byte is hashed again, unless presence and size are asked for alone.
Without repair nothing is written and no lock is taken.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from sycee.core.parts import WHOLE as WHOLE_FOLDER
from sycee.core.progress import SILENT, Progress
from sycee.core.subset import WHOLE, Subset
from sycee.errors import DigestMismatch, FormatError, NotFound, RemoteError, SyceeError
from sycee.formats.foldersums import FileSums
from sycee.ops.importing import is_import
from sycee.ops.mend import Mender, Others, cache_store
from sycee.ops.transfer import pushable
from sycee.store import sums
from sycee.store.check import Finding, State, read_folder, survey
from sycee.store.layout import is_directory
from sycee.store.members import members_of, named_by
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import require_parts
from sycee.system.refusals import refused
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """How to look.

    Attributes:
        quick: Whether presence and size are enough.
        subset: Which part of the files; directory objects are always looked at, since they name the files.
        jobs: How many objects are asked for at once; None for what the store is set to.
        others: Gives the remotes that good copies may come from; None to repair nothing.
    """

    quick: bool = False
    subset: Subset = WHOLE
    jobs: int | None = None
    others: Others | None = None


@dataclass(slots=True)
class Fault:
    """One object that is not as it should be.

    Attributes:
        label: The path it stands for.
        key: Where it lies, or should lie, in the store.
        finding: What is wrong.
        users: The tracked paths, of now and of the past, that need it.
        mended_from: Where the good copy came from, if it was repaired.
        failure: Why it was not, if that was tried.
    """

    label: str
    key: str
    finding: Finding
    users: tuple[Tracked, ...]
    mended_from: str | None = None
    failure: str | None = None


@dataclass(slots=True)
class Row:
    """What a tracked path needs of the store, over all chosen versions.

    Attributes:
        objects: How many objects were looked at.
        size: Their size in bytes, as far as they are there.
        faults: How many are in which state, those repaired left out.
    """

    objects: int = 0
    size: int = 0
    faults: dict[State, int] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """What was found in one store.

    Attributes:
        store: Its name: ``the cache``, or a remote's.
        is_cache: Whether it is the cache.
        rows: For each tracked path what it needs.
        faults: What is not as it should be.
        notes: What a person should know besides.
        checked: How many objects were looked at.
        total: How many there are to look at, whatever the subset.
        hashed: How many bytes were read.
    """

    store: str
    is_cache: bool
    rows: dict[str, Row] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: int = 0
    total: int = 0
    hashed: int = 0

    @property
    def left(self) -> list[Fault]:
        """The faults that were not repaired."""
        return [fault for fault in self.faults if fault.mended_from is None]

    @property
    def exit_code(self) -> int:
        """0, or the code of the gravest fault that is left."""
        unreadable = DigestMismatch if self.is_cache else RemoteError
        kinds = {"missing": NotFound, "damaged": DigestMismatch, "unreadable": unreadable}
        return max((kinds[fault.finding.state].exit_code for fault in self.left), default=0)


def check_cache(
    repo: Repository, tracked: Sequence[Tracked], request: CheckRequest, *, progress: Progress = SILENT
) -> Report:
    """Look at all objects in the cache that the pointers name.

    Args:
        repo: The repository.
        tracked: What is tracked, now and in other versions.
        request: How to look, and whether to repair.
        progress: Told the bytes.
    """
    return _Check(repo, cache_store(repo.cache), request, progress, is_cache=True).run(tracked)


def check_remote(
    repo: Repository, tracked: Sequence[Tracked], store: Remote, request: CheckRequest, *, progress: Progress = SILENT
) -> Report:
    """Look at all objects on a remote that the pointers name; ``push: false`` and, with a note, imports are left out.

    Raises:
        RemoteError: If the remote cannot even be asked what it holds.
    """
    report = _Check(repo, store, request, progress).run(_kept_on_remotes(tracked))
    report.notes += [
        f"{relpath} is imported from another repository and stays there, so no remote was asked for it"
        for relpath in dict.fromkeys(one.relpath for one in tracked if is_import(one))
    ]
    return report


@dataclass(slots=True)
class _Need:
    """An object, who needs it, and where in the work tree its bytes may lie."""

    item: Wanted
    users: list[Tracked] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


class _Needs:
    """All objects that are needed, each once, with all that any pointer knows of it."""

    def __init__(self) -> None:
        self._by_key: dict[str, _Need] = {}

    def __iter__(self) -> Iterator[_Need]:
        return iter(self._by_key.values())

    def add(self, item: Wanted, user: Tracked) -> None:
        need = self._by_key.setdefault(item.key, _Need(item))
        known = need.item if need.item.expected.sha256 or not item.expected.sha256 else item
        need.item = known if need.item.parts == item.parts else known._replace(parts=need.item.parts | item.parts)
        need.users.append(user)
        if item.label not in need.labels:
            need.labels.append(item.label)


class _Check:
    """One store being looked at."""

    def __init__(
        self, repo: Repository, store: Remote, request: CheckRequest, progress: Progress, *, is_cache: bool = False
    ) -> None:
        self._repo = repo
        self._store = store._replace(jobs=request.jobs or store.jobs)
        self._request = request
        self._progress = progress
        self._mender = Mender(repo, request.others, progress) if request.others else None
        self._report = Report(store.name, is_cache)
        self._files = _Needs()

    def run(self, tracked: Sequence[Tracked]) -> Report:
        wholes = _Needs()
        for one in tracked:
            if item := wanted(one):
                wholes.add(item, one)
        folders = [need for need in wholes if is_directory(need.item.oid)]
        with suppress(DigestMismatch, FormatError):  # which is for this check to find
            require_parts(self._repo.cache, [need.item for need in folders])
        for need in (need for need in wholes if not is_directory(need.item.oid)):
            for user in need.users:
                self._files.add(need.item._replace(label=user.relpath), user)
        incomplete = [(need, fault) for need in folders if (fault := self._read_folder(need))]
        files = list(self._files)
        self._report.total = len(folders) + len(files)
        self._look_at_files([need for need in files if self._request.subset.holds(need.item.oid)])
        for need, fault in incomplete:
            self._complete(need, fault)
        for fault in self._report.left:
            self._count_fault(fault)
        return self._report

    def _read_folder(self, need: _Need) -> Fault | None:
        """Look at a directory object and learn what it names; return its fault, if it has one."""
        found = read_folder(self._store, need.item)
        fault = None
        if isinstance(found, Finding):
            fault = self._fault(need, found)
            self._mend(fault, lambda mender: mender.into_cache(need.item, need.labels, but=self._but))
            if not self._report.is_cache:
                fault.mended_from = None  # the remote gets it when its files are there
            found = read_folder(cache_store(self._repo.cache), need.item)
        if isinstance(found, Finding):
            self._report.notes.append(f"{need.item.label}: which files it has is not known, so they were not looked at")
            return fault
        self._count(need, len(found))
        self._report.hashed += len(found)
        try:
            self._add_parts(need, named_by(need.item, found, self._sums(need)))
        except FormatError as error:
            return fault or self._fault(need, Finding("damaged", "a directory object", error.message))
        return fault

    def _add_parts(self, need: _Need, parts: Sequence[Wanted]) -> None:
        above = need.item.label
        for user in need.users:
            for part in parts:
                here = part if user.relpath == above else part._replace(label=user.relpath + part.label[len(above) :])
                self._files.add(here, user)

    @property
    def _but(self) -> str | None:
        return None if self._report.is_cache else self._store.name

    def _sums(self, need: _Need) -> Mapping[str, FileSums]:
        """Look at the sums of a folder and return them, from wherever they are whole."""
        sums_id = need.item.sums
        if sums_id is None:
            return {}
        state, found = sums.look(self._store.backend, sums_id)
        if state:
            self._tell_sums(need, sums_id, state)
        return found or sums.known(self._repo.cache, sums_id)

    def _tell_sums(self, need: _Need, sums_id: str, state: State) -> None:
        label = f"{need.item.label} (folder sums)"
        finding = Finding(state, f"sha256 {sums_id}", "nothing" if state == "missing" else "other bytes")
        fault = Fault(label, sums.key_of(sums_id), finding, tuple(need.users))
        self._mend(fault, lambda mender: self._mend_sums(mender, sums_id))
        if state != "missing" or fault.mended_from:
            self._report.faults.append(fault)
        else:  # dvc does not send them, and what they prove is proved where they are
            self._report.notes.append(f"{label}: not in {self._title}, so its files are checked by md5 alone")

    def _mend_sums(self, mender: Mender, sums_id: str) -> str:
        return mender.sums_into_cache(sums_id) if self._report.is_cache else mender.sums_onto(self._store, sums_id)

    @property
    def _title(self) -> str:
        return "the cache" if self._report.is_cache else f"remote {self._store.name!r}"

    def _look_at_files(self, files: Sequence[_Need]) -> None:
        items = [need.item for need in files]
        seen = survey(self._store, items, quick=self._request.quick, progress=self._progress)
        self._report.hashed += seen.hashed
        for need in files:
            size = seen.sizes.get(need.item.key, 0)
            if finding := seen.findings.get(need.item.key):
                fault = self._fault(need, finding)
                self._mend(fault, partial(self._mend_file, need=need))
                if fault.mended_from:
                    size = self._store.backend.size(need.item.key) or 0
            self._count(need, size)

    def _mend_file(self, mender: Mender, *, need: _Need) -> str:
        if self._report.is_cache:
            return mender.into_cache(need.item, need.labels)
        return mender.onto(self._store, need.item, need.labels)

    def _complete(self, need: _Need, fault: Fault) -> None:
        """Give a remote its directory object, now that what it names is there."""
        if self._report.is_cache or fault.failure or self._mender is None:
            return
        whole = need.item._replace(parts=WHOLE_FOLDER)
        parts = members_of(self._repo.cache, whole)  # the cache has it by now, or repair had failed
        bad = {left.key for left in self._report.left}
        bad.update(survey(self._store, parts, quick=True, progress=SILENT).findings)
        if lacking := bad & {part.key for part in parts}:
            fault.failure = f"{len(lacking)} of its files are not there whole"
            return
        self._mend(fault, lambda mender: mender.onto(self._store, need.item, need.labels))

    def _fault(self, need: _Need, finding: Finding) -> Fault:
        if self._report.is_cache and finding.state != "missing":
            self._repo.cache.forget(need.item.oid, legacy=need.item.legacy)  # lest others take it for whole
        fault = Fault(need.item.label, need.item.key, finding, tuple(need.users))
        self._report.faults.append(fault)
        return fault

    def _mend(self, fault: Fault, act: Callable[[Mender], str]) -> None:
        if self._mender is None:
            return
        try:
            with self._repo.locked():
                fault.mended_from = act(self._mender)
        except SyceeError as error:
            fault.failure = error.message
        except OSError as error:
            fault.failure = refused(error).message

    def _count(self, need: _Need, size: int) -> None:
        self._report.checked += 1
        for relpath in dict.fromkeys(user.relpath for user in need.users):
            row = self._report.rows.setdefault(relpath, Row())
            row.objects += 1
            row.size += size

    def _count_fault(self, fault: Fault) -> None:
        state = fault.finding.state
        for relpath in dict.fromkeys(user.relpath for user in fault.users):
            row = self._report.rows.setdefault(relpath, Row())
            row.faults[state] = row.faults.get(state, 0) + 1


def by_remote(
    tracked: Sequence[Tracked], open_remote: Callable[[str | None], Remote]
) -> list[tuple[Remote, list[Tracked]]]:
    """Group what is tracked by the remote it belongs to: the one its out is bound to, or the one the user chose.

    Imports, which belong to none, are in the first group.
    """
    groups: dict[str | None, list[Tracked]] = {}
    for one in _kept_on_remotes(tracked):
        groups.setdefault(one.out.remote, []).append(one)
    opened = {name: open_remote(name) for name in groups}
    stores = {store.name: store for store in opened.values()}
    found = [
        (store, list(chain.from_iterable(groups[name] for name, one in opened.items() if one.name == title)))
        for title, store in stores.items()
    ]
    if found:
        found[0][1].extend(filter(is_import, tracked))
    return found


def _kept_on_remotes(tracked: Iterable[Tracked]) -> list[Tracked]:
    """Return what this repository keeps on its remotes: an import stays with the repository it comes from."""
    return [one for one in pushable(tracked) if not is_import(one)]
