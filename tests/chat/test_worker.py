"""chat/worker.py: one piece of work after the other, in one thread."""

import threading

import pytest

from workbench.chat.worker import Worker
from workbench.errors import UserError


@pytest.fixture
def ended():
    return []


@pytest.fixture
def worker(ended):
    made = Worker("worker", at_end=lambda: ended.append(threading.current_thread().name))
    yield made
    made.close()


def test_work_is_done_in_its_order_and_in_the_workers_thread(worker, ended):
    done = []
    for number in range(3):
        worker.post(lambda number=number: done.append((number, threading.current_thread().name)))
    worker.call(lambda: done.append(("last", threading.current_thread().name)))
    assert done == [(0, "worker"), (1, "worker"), (2, "worker"), ("last", "worker")]
    worker.close()
    assert ended == ["worker"]


def test_what_is_called_raises_at_the_caller_and_the_worker_goes_on(worker):
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0)
    done = []
    worker.call(lambda: done.append(1))
    assert done == [1]


def test_what_is_wanted_soon_is_done_at_once_inside_and_in_turn_from_outside(worker):
    done = []
    worker.soon(lambda: done.append("nobody works yet"))
    worker.call(lambda: (worker.soon(lambda: done.append("inside")), done.append("after")))
    worker.soon(lambda: done.append("outside"))
    worker.call(lambda: None)
    assert done == ["inside", "after", "outside"]


def test_a_closed_worker_takes_nothing(worker, ended):
    worker.close()
    for ask in (worker.post, worker.call):
        with pytest.raises(UserError, match="closed"):
            ask(lambda: None)
    worker.soon(lambda: ended.append("soon"))
    assert ended == [], "no thread was begun, so none ended"
