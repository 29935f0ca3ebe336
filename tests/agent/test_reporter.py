"""Which reports share a request, and what becomes of them when it fails?"""

from uuid import UUID, uuid4

from agents.client.link.reporter import BATCH_BYTES, PLENTY_ITEMS, Reporter
from agents.client.link.vocabulary import Backlog
from agents.client.seam import Item
from agents.wire.messages import Outcome


def items(attempt: UUID, *seqs: int, size: int = 10) -> list[Item]:
    return [Item(attempt, seq, b"x" * size) for seq in seqs]


def outcomes(taken: list[Item], status: str = "ok") -> list[Outcome]:
    return [
        Outcome(attempt=item.attempt, seq=item.seq, status=status)  # type: ignore[arg-type]
        for item in taken
    ]


def test_what_arrives_meanwhile_goes_into_the_next_request():
    reporter, attempt = Reporter(), uuid4()
    reporter.offer(items(attempt, 1))
    first = list(reporter.take())
    reporter.offer(items(attempt, 2, 3))
    assert [item.seq for item in first] == [1]
    reporter.delivered(outcomes(first))
    assert [item.seq for item in reporter.take()] == [2, 3]


def test_how_long_a_backlog_may_wait_depends_on_ends_and_on_how_much_there_is():
    reporter, attempt = Reporter(), uuid4()
    assert reporter.backlog is Backlog.NOTHING
    reporter.offer(items(attempt, 1, 2))
    assert reporter.backlog is Backlog.CALM
    reporter.offer([Item(attempt, 3, b"{}", urgent=True)])
    assert reporter.backlog is Backlog.URGENT
    taken = list(reporter.take())
    assert reporter.backlog is Backlog.NOTHING
    reporter.failed()
    assert (reporter.backlog, list(reporter.take())) == (Backlog.URGENT, taken)
    reporter.offer(items(attempt, *range(4, 4 + PLENTY_ITEMS)))
    assert reporter.backlog is Backlog.PLENTY


def test_a_request_has_a_size_but_always_at_least_one_item():
    reporter, attempt = Reporter(), uuid4()
    reporter.offer(items(attempt, 1, 2, 3, size=BATCH_BYTES // 2 + 1))
    assert [item.seq for item in reporter.take()] == [1]


def test_a_failed_request_is_sent_again_in_order():
    reporter, attempt = Reporter(), uuid4()
    reporter.offer(items(attempt, 1, 2))
    reporter.take()
    reporter.offer(items(attempt, 3))
    reporter.failed()
    assert [item.seq for item in reporter.take()] == [1, 2, 3]


def test_what_an_answer_does_not_mention_is_sent_again():
    reporter, attempt = Reporter(), uuid4()
    reporter.offer(items(attempt, 1, 2))
    taken = list(reporter.take())
    reporter.delivered(outcomes(taken[:1]))
    assert [item.seq for item in reporter.take()] == [2]


def test_one_gap_per_attempt_is_passed_on():
    reporter, attempt, other = Reporter(), uuid4(), uuid4()
    reporter.offer(items(attempt, 2, 3) + items(other, 5))
    taken = list(reporter.take())
    told = reporter.delivered(outcomes(taken, "gap"))
    assert [(one.attempt, one.seq) for one in told] == [(attempt, 2), (other, 5)]


def test_a_rejected_batch_is_cut_until_the_one_bad_item_stands_alone():
    reporter, good, bad = Reporter(), uuid4(), uuid4()
    reporter.offer(items(good, 1, 2, 3) + items(bad, 1, 2) + items(good, 4, 5, 6))
    delivered: list[Item] = []
    poison = None
    for _ in range(30):
        taken = list(reporter.take())
        if any(item.attempt == bad for item in taken):
            poison = reporter.rejected() or poison
        else:
            delivered += taken
            reporter.delivered(outcomes(taken))
        if len(delivered) == 6:
            break
    assert [item.seq for item in delivered] == [1, 2, 3, 4, 5, 6]
    assert poison == Item(bad, 1, b"x" * 10)
    assert [item.seq for item in reporter.take() if item.attempt == bad] == [1, 2]
