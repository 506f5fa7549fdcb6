import threading

import pytest

from sycee.storage.budget import Budget


def test_never_more_is_taken_than_there_is() -> None:
    budget = Budget(10)
    lock = threading.Lock()
    held = most = 0

    def use(amount: int) -> None:
        nonlocal held, most
        with budget.taken(amount):
            with lock:
                held += min(amount, 10)
                most = max(most, held)
            with lock:
                held -= min(amount, 10)

    threads = [threading.Thread(target=use, args=(amount,)) for amount in (3, 4, 5, 99, 0, 10) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert most <= 10


def test_what_was_taken_comes_back_after_an_error() -> None:
    budget = Budget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.taken(10):
            _ = 1 / 0
    with budget.taken(10):
        pass
