"""The worker behind a view: the newest request wins, nothing older is shown after it, and no thread is left behind."""

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.errors import Cancelled
from segcam_widgets.session import explainer as explaining, worker as session
from segcam_widgets.session.worker import Counts, NewestWins

LONG = 30  # seconds that no test takes, unless it fails


class Recorder:
    """A worker's four functions. With `gated` each piece of work waits until the test lets it go on."""

    def __init__(self, gated=False):
        self.started, self.shown, self.failed, self.busy, self.threads = [], [], [], [], set()
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.gated = gated
        self.idle = threading.Event()
        self.trouble = {}
        self.worker = NewestWins(self.work, self.show, self.fail, self.tell, name="segcam-under-test")

    def work(self, request, wanted):
        self.threads.add(threading.get_ident())
        self.started.append(request)
        self.begun.release()
        if self.gated:
            assert self.gate.acquire(timeout=LONG)
        if request in self.trouble:
            raise self.trouble[request]
        return -request, wanted()

    def show(self, request, answer):
        self.threads.add(threading.get_ident())
        self.shown.append((request, answer[0]))

    def fail(self, request, error):
        self.threads.add(threading.get_ident())
        self.failed.append((request, error))

    def tell(self, on):
        self.busy.append(on)
        (self.idle.clear if on else self.idle.set)()

    def wait_until_begun(self):
        assert self.begun.acquire(timeout=LONG)


@pytest.fixture
def make():
    made = []

    def build(**options):
        made.append(Recorder(**options))
        return made[-1]

    yield build
    for recorder in made:
        thread = recorder.worker._thread
        recorder.worker.close()
        recorder.gate.release(1000)
        if thread is not None:
            thread.join(LONG)
            assert not thread.is_alive()


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("segcam")]


def test_a_request_is_answered_on_a_thread_of_the_workers_own(make):
    recorder = make()
    recorder.worker.submit(7)
    assert recorder.worker.flush()
    assert recorder.shown == [(7, -7)]
    assert len(recorder.threads) == 1
    assert threading.get_ident() not in recorder.threads
    assert recorder.worker.counts == Counts(submitted=1, answered=1)


def test_the_newest_wins_and_what_it_replaced_is_counted(make):
    recorder = make(gated=True)
    recorder.worker.submit(0)
    recorder.wait_until_begun()
    for request in range(1, 20):
        recorder.worker.submit(request)
    recorder.gate.release(2)
    assert recorder.worker.flush()
    # the one that ran is shown although newer ones waited: during a drag the picture follows the hand
    assert recorder.shown == [(0, 0), (19, -19)]
    assert recorder.started == [0, 19]
    assert recorder.worker.counts == Counts(submitted=20, answered=2, dropped=18)


def test_the_work_is_told_when_nobody_wants_it_any_more():
    seen = []
    begun, go_on = threading.Event(), threading.Event()

    def work(request, wanted):
        if request == "long":
            seen.append(wanted())
            begun.set()
            assert go_on.wait(LONG)
            seen.append(wanted())
            raise Cancelled("nobody waits for it")
        return request

    failed = []
    worker = NewestWins(work, lambda r, a: None, lambda r, e: failed.append(e), name="segcam-under-test")
    worker.submit("long")
    assert begun.wait(LONG)
    worker.submit("x")
    go_on.set()
    assert worker.flush()
    assert seen == [True, False]
    assert failed == []  # to be cancelled is no error
    assert worker.counts == Counts(submitted=2, answered=1, cancelled=1)
    worker.close()


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), sc.SegCamError("`layer` ...")])
def test_an_error_is_told_and_the_worker_lives_on(make, error):
    recorder = make()
    recorder.trouble[1] = error
    recorder.worker.submit(1)
    assert recorder.worker.flush()
    assert recorder.failed == [(1, error)]
    recorder.worker.submit(2)
    assert recorder.worker.flush()
    assert recorder.shown == [(2, -2)]
    assert len(recorder.threads) == 1  # the same one
    assert recorder.worker.counts == Counts(submitted=2, answered=1, failed=1)


def test_a_view_that_cannot_show_is_told_so(make):
    recorder = make()

    def show(request, answer):
        raise ZeroDivisionError("in the view")

    recorder.worker._show = show
    recorder.worker.submit(1)
    assert recorder.worker.flush()
    assert [(request, str(error)) for request, error in recorder.failed] == [(1, "in the view")]
    assert recorder.worker.counts == Counts(submitted=1, failed=1)


def test_a_view_that_is_being_torn_down_does_not_end_the_worker(make):
    recorder = make()
    recorder.trouble[1] = RuntimeError("x")
    answered = []

    def broken(*_):
        raise ValueError("the widget is closed")

    worker = NewestWins(recorder.work, lambda r, a: answered.append(r), broken, broken, name="segcam-under-test")
    for request in (1, 2):
        worker.submit(request)
        assert worker.flush()
    assert answered == [2]
    worker.close()


def test_busy_is_on_before_the_work_and_off_after_the_last(make):
    recorder = make(gated=True)
    recorder.worker.submit(0)
    recorder.wait_until_begun()
    assert recorder.busy == [True]
    recorder.worker.submit(1)
    recorder.gate.release()
    recorder.wait_until_begun()
    assert False not in recorder.busy  # something still waited
    recorder.gate.release()
    assert recorder.idle.wait(LONG)
    assert recorder.busy[-1] is False
    assert recorder.busy.count(False) == 1


def test_the_thread_ends_when_idle_and_begins_again(make, monkeypatch):
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.01)
    recorder = make()
    for round_ in range(3):
        recorder.worker.submit(round_)
        thread = recorder.worker._thread
        assert recorder.worker.flush()
        if thread is not None:
            thread.join(LONG)
            assert not thread.is_alive()
    assert recorder.shown == [(0, 0), (1, -1), (2, -2)]
    assert not threads()


def test_no_request_is_lost_between_two_threads(make, monkeypatch):
    """The thread ends for want of work just when the next request comes."""
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.0)
    recorder = make()
    for request in range(300):
        recorder.worker.submit(request)
        assert recorder.worker.flush(LONG)
        assert recorder.shown[-1] == (request, -request)


def test_after_close_nothing_is_done_or_shown(make):
    recorder = make(gated=True)
    recorder.worker.submit(0)
    recorder.wait_until_begun()
    recorder.worker.submit(1)
    thread = recorder.worker._thread
    recorder.worker.close()
    recorder.worker.submit(2)
    recorder.gate.release(3)
    thread.join(LONG)
    assert not thread.is_alive()
    assert recorder.started == [0]
    assert recorder.shown == []
    counts = recorder.worker.counts
    assert counts == Counts(submitted=2, dropped=1, cancelled=1)
    assert recorder.worker.flush(LONG)  # nothing to wait for
    recorder.worker.close()  # twice is no mistake


def test_close_from_the_view_itself(make):
    """A handler that reacts to an answer by closing the view runs on the worker's own thread."""
    recorder = make()
    recorder.worker._show = lambda request, answer: recorder.worker.close()
    recorder.worker.submit(1)
    assert recorder.worker.flush()
    assert recorder.worker.counts == Counts(submitted=1, answered=1)


def test_a_view_asks_again_while_it_is_shown(make):
    recorder = make()

    def show(request, answer):
        recorder.show(request, answer)
        if request < 5:
            recorder.worker.submit(request + 1)

    recorder.worker._show = show
    recorder.worker.submit(0)
    assert recorder.worker.flush()
    assert [request for request, _ in recorder.shown] == [0, 1, 2, 3, 4, 5]


def test_flush_gives_up(make):
    recorder = make(gated=True)
    recorder.worker.submit(0)
    assert recorder.worker.flush(0.01) is False
    recorder.gate.release()
    assert recorder.worker.flush()


def test_many_threads_submitting(make):
    """Each thread counts up: what is shown of its requests comes in its order, and the last of all is shown."""
    recorder = make()
    each, hands = 200, 16
    together = threading.Barrier(hands)

    def hand(number):
        together.wait(LONG)
        for step in range(each):
            recorder.worker.submit(number * each + step)

    hands_ = [threading.Thread(target=hand, args=(n,)) for n in range(hands)]
    for one in hands_:
        one.start()
    for one in hands_:
        one.join(LONG)
    recorder.worker.submit(hands * each)
    assert recorder.worker.flush()
    shown = [request for request, _ in recorder.shown]
    assert shown[-1] == hands * each
    assert len(set(shown)) == len(shown)
    for number in range(hands):
        own = [request for request in shown if request // each == number]
        assert own == sorted(own)
    assert len(recorder.threads) == 1  # one thread for TensorFlow, whoever asks
    counts = recorder.worker.counts
    assert counts.submitted == hands * each + 1
    assert counts.answered == len(shown)
    assert counts.submitted == counts.answered + counts.dropped + counts.failed + counts.cancelled


def test_a_forgotten_worker_is_freed(make, monkeypatch):
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.01)
    worker = NewestWins(lambda request, wanted: request, lambda r, a: None, lambda r, e: None, name="segcam-forgotten")
    worker.submit(1)
    thread = worker._thread
    assert worker.flush()
    thread.join(LONG)
    gone = weakref.ref(worker)
    del worker, thread
    gc.collect()
    assert gone() is None


class Flat:
    """A probe of arrays: two classes, one layer whose two channels are the logits."""

    def __init__(self):
        from segcam_widgets.core.answers import LayerInfo

        self.logits = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
        self.layers = (LayerInfo("last", (4, 5, 2), "Conv2D"),)
        self.class_names = ("sky", "sea")
        self.labels = self.logits.argmax(-1)
        self.probabilities = np.exp(self.logits) / np.exp(self.logits).sum(-1, keepdims=True)
        self.truth, self.head, self.multilabel, self.default_score = None, "softmax", False, "margin"
        self.image = np.zeros((4, 5, 3), np.uint8)

    def layer(self, name):
        from segcam_widgets.errors import UnknownLayerError, must_be_one_of

        if name != "last":
            raise UnknownLayerError(must_be_one_of("layer", ["last"], name))
        return self.layers[0]

    def refresh(self):
        return False

    def activations(self, layer):
        return self.logits

    def pullback(self, layer, cotangent, at=None):
        from segcam_widgets.core.answers import Pullback

        return Pullback(np.asarray(cotangent.to_array()), {})

    def replay(self, layer, activations, bypass=None):
        return activations


def test_the_explainer_answers_with_explanations_and_refusals():
    shown, failed = [], []
    worker = explaining.explainer(lambda r, a: shown.append(a), lambda r, e: failed.append(e))
    probe = Flat()
    worker.submit((probe, sc.CamQuery("last", "sea", sc.Rectangle(0, 0, 2, 2))))
    assert worker.flush()
    worker.submit((probe, sc.CamQuery("lats", "sea")))
    assert worker.flush()
    worker.submit((probe, sc.CamQuery("last", "sea", sc.Rectangle(0, 0, 0, 0))))
    assert worker.flush()
    worker.close()
    (answer,) = shown
    assert answer.query.score == "margin"
    assert answer.score == pytest.approx(float((probe.logits[:2, :2, 1] - probe.logits[:2, :2, 0]).mean()))
    assert [type(e) for e in failed] == [sc.UnknownLayerError, sc.EmptyRegionError]


def test_cancel_drops_what_waits_and_what_runs_ends_unseen(make):
    recorder = make(gated=True)
    recorder.worker.submit(0)
    recorder.wait_until_begun()
    recorder.worker.submit(1)
    assert recorder.worker.cancel()
    recorder.gate.release(2)
    assert recorder.worker.flush()
    assert recorder.shown == recorder.failed == []
    assert recorder.started == [0]
    assert recorder.worker.counts == Counts(submitted=2, dropped=1, cancelled=1)
    recorder.gate.release()
    recorder.worker.submit(2)  # and the next is answered
    assert recorder.worker.flush()
    assert recorder.shown == [(2, -2)]


def test_cancel_with_nothing_to_stop(make):
    recorder = make()
    assert recorder.worker.cancel() is False
    recorder.worker.submit(1)
    assert recorder.worker.flush()
    assert recorder.worker.cancel() is False
    recorder.worker.submit(2)
    assert recorder.worker.flush()
    assert recorder.shown == [(1, -1), (2, -2)]


def test_what_is_asked_right_after_cancel_is_answered(make):
    """Before what runs has noticed."""
    recorder = make(gated=True)
    recorder.worker.submit(0)
    recorder.wait_until_begun()
    assert recorder.worker.cancel()
    recorder.worker.submit(1)
    recorder.gate.release(2)
    assert recorder.worker.flush()
    assert recorder.shown == [(1, -1)]
    assert recorder.worker.counts == Counts(submitted=2, answered=1, cancelled=1)


class Layered(Flat):
    """The same, with forty channels that can be switched off one by one; tells a test when it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def tail(self, layer):
        from segcam_widgets.core.answers import Tail

        return Tail({}, rectified=False, half_precision=False)

    def replay(self, layer, activations, bypass=None):
        self.asked.release()
        assert self.gate.acquire(timeout=LONG)
        return np.broadcast_to(activations, (*activations.shape[:-1], 2))


def test_a_slow_method_tells_how_far_it_is_and_gives_way():
    told, shown = [], []
    worker = explaining.explainer(
        lambda r, a: shown.append(a.query.method), lambda r, e: None, tell=lambda fraction, text: told.append(text)
    )
    probe = Layered()
    worker.submit((probe, sc.CamQuery("last", "sea", sc.Everything(), method="occlusion")))
    assert probe.asked.acquire(timeout=LONG)
    worker.submit((probe, sc.CamQuery("last", "sea", sc.Everything())))
    probe.gate.release(100)
    assert worker.flush()
    assert shown == ["seg-grad-cam"]  # quick, and so told of nothing
    assert [text for text in told if "window" in text] == [
        "Occlusion at last, window 0 of 21", "Occlusion at last, window 16 of 21",
    ]  # fmt: skip
    assert worker.counts == Counts(submitted=2, answered=1, cancelled=1)
    worker.close()


def test_a_view_that_cannot_show_progress_gets_its_answer_all_the_same():
    def broken(fraction, text):
        raise ValueError("the widget is closed")

    shown = []
    worker = explaining.explainer(lambda r, a: shown.append(a), lambda r, e: None, tell=broken)
    probe = Layered()
    probe.gate.release(100)
    worker.submit((probe, sc.CamQuery("last", "sea", sc.Everything(), method="ablation-cam")))
    assert worker.flush()
    assert [answer.query.method for answer in shown] == ["ablation-cam"]
    worker.close()


def test_close_waits_for_what_runs(make):
    """Used at the end of the process, whose threads must not be cut off in the midst of TensorFlow."""
    recorder = make(gated=True)
    recorder.worker.submit(0)
    recorder.wait_until_begun()
    thread = recorder.worker._thread
    recorder.worker.close(0.01)
    assert thread.is_alive()  # no longer than it was told to
    recorder.gate.release()
    recorder.worker.close(LONG)
    assert recorder.worker._thread is None


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_the_process_ends_after_its_workers(seconds):
    code = (
        "import time\nfrom segcam_widgets.session.worker import NewestWins\n"
        f"def work(request, wanted):\n    time.sleep({seconds})\n    print('done', flush=True)\n"
        "worker = NewestWins(work, lambda r, a: print('shown'), print)\nworker.submit(1)\ntime.sleep(0.2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == (["done"] if seconds else ["done", "shown"])


class Resting(Recorder):
    """Notes what it is asked to think of at rest."""

    def __init__(self):
        super().__init__()
        self.rests = []
        self.rested = threading.Semaphore(0)
        self.worker = NewestWins(self.work, self.show, self.fail, self.tell, "segcam-under-test", rest=self.rest)

    def rest(self, request, answer, wanted):
        self.threads.add(threading.get_ident())
        self.rests.append((request, answer[0], wanted))
        self.rested.release()
        if request in self.trouble:
            raise self.trouble[request]


@pytest.fixture
def resting():
    recorder = Resting()
    yield recorder
    recorder.worker.close(LONG)


def test_at_rest_the_worker_thinks_of_what_may_come(resting):
    for request in range(5):
        resting.worker.submit(request)
    assert resting.worker.flush()
    assert resting.rested.acquire(timeout=LONG)
    ((request, answer, wanted),) = resting.rests  # of the last one alone
    assert (request, answer) == (4, -4)
    assert len(resting.threads) == 1
    assert wanted()
    resting.worker.submit(5)
    assert not wanted()
    assert resting.rested.acquire(timeout=LONG)
    assert not wanted()  # for good
    later = resting.rests[-1][2]
    assert later()
    resting.worker.close()
    assert not later()


def test_no_rest_between_questions_nor_after_a_failure(resting, monkeypatch):
    monkeypatch.setattr(session, "REST_SECONDS", LONG)
    for request in range(3):
        resting.worker.submit(request)
        assert resting.worker.flush()  # does not wait for the rest
    monkeypatch.setattr(session, "REST_SECONDS", 0.01)
    resting.trouble[3] = RuntimeError("out of memory")
    resting.worker.submit(3)
    assert resting.worker.flush()
    del resting.trouble[3]
    resting.worker.submit(4)
    assert resting.rested.acquire(timeout=LONG)
    assert [request for request, *_ in resting.rests] == [4]


def test_trouble_at_rest_is_not_the_users(resting, monkeypatch):
    monkeypatch.setattr(session, "REST_SECONDS", 0.01)
    resting.worker.submit(1)
    assert resting.worker.flush()
    resting.trouble[1] = RuntimeError("nothing that anybody asked for")
    assert resting.rested.acquire(timeout=LONG)
    resting.worker.submit(2)
    assert resting.worker.flush()
    assert resting.failed == []
    assert [request for request, _ in resting.shown] == [1, 2]


class Ten:
    """A probe's layers alone."""

    def __init__(self):
        from segcam_widgets.core.answers import LayerInfo

        self.layers = tuple(LayerInfo(f"layer{i}", (1, 1, 1), "Conv2D") for i in range(10))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("layer5", ["layer6", "layer4", "layer7", "layer3"]),
        ("layer0", ["layer1", "layer2"]),
        ("layer8", ["layer9", "layer7", "layer6"]),
    ],
)
def test_the_layers_beside_one(layer, expected):
    assert explaining.beside(Ten(), layer) == expected
