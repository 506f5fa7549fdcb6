"""A bar is drawn once, late, and only for long work."""

import threading
import time

import pytest

from sycee.core.progress import SILENT, within
from sycee.system import terminal


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn: one list of completed amounts for each bar."""
    bars = []

    class Bar:
        task_ids = (0,)

        def __init__(self):
            self.amounts, self.stopped = [], False
            bars.append(self)

        def update(self, _task, *, completed):
            self.amounts.append(completed)

        def stop(self):
            self.stopped = True

    def draw(*_):
        time.sleep(0.05)  # as long as rich takes to be imported
        return Bar()

    monkeypatch.setattr(terminal, "_draw", draw)
    return bars


def test_short_work_shows_nothing(drawn):
    with terminal._Bars().start("x", 10) as task:
        task.advance(10)
    assert drawn == []


def test_many_threads_share_one_bar(drawn, monkeypatch):
    monkeypatch.setattr(terminal, "PATIENCE", 0)
    with terminal._Bars().start("x", 80) as task:
        threads = [threading.Thread(target=task.advance, args=(10,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(drawn) == 1
    assert drawn[0].amounts == [10, 20, 30, 40, 50, 60, 70, 80]
    assert drawn[0].stopped


def test_no_bar_comes_after_the_end(drawn, monkeypatch):
    monkeypatch.setattr(terminal, "PATIENCE", 0)
    with terminal._Bars().start("x", 10) as task:
        pass
    task.advance(10)  # a thread that has not heard yet of Ctrl-C
    assert drawn == []


def test_the_parts_of_a_whole_are_one_bar(drawn, monkeypatch):
    monkeypatch.setattr(terminal, "PATIENCE", 0)
    with terminal._Bars().start("folder/", 3) as task:
        for name in "abc":
            with within(task).start(name, 1) as part:
                part.advance(1)
    assert [bar.amounts for bar in drawn] == [[1, 2, 3]]


def test_where_nobody_looks_there_are_no_bars():
    assert terminal.watched() is SILENT
