"""When does a link send its reports: at once, in company, or after a pause?"""

from agents.client.link import session
from agents.client.link.vocabulary import (
    Backlog,
    Call,
    Lane,
    Ready,
    ReportsWait,
    Rest,
    Rested,
    Settle,
    Start,
)
from tests.agent.steps import OPENED, an_open_session, answered, beaten, failed, play


def test_one_request_of_reports_is_under_way_at_a_time():
    state, actions = play(ReportsWait(Backlog.URGENT), state=an_open_session())
    assert actions == [Start(Call.REPORT)]
    state, actions = play(ReportsWait(Backlog.URGENT), state=state)
    assert actions == []
    pause = Rest(Lane.REPORTS, session.REPORT_PAUSE_S)
    assert play(answered(Backlog.PLENTY), state=state)[1] == [
        Settle(()),
        pause,
        Start(Call.REPORT),
    ]
    assert play(answered(Backlog.NOTHING), state=state)[1] == [Settle(()), pause]


def test_an_end_is_reported_at_once_and_a_start_waits_a_moment_for_it():
    state, actions = play(ReportsWait(Backlog.CALM), state=an_open_session())
    assert actions == [Rest(Lane.REPORTS, session.LINGER_S)]
    assert play(ReportsWait(Backlog.URGENT), state=state)[1] == [Start(Call.REPORT)]
    assert play(ReportsWait(Backlog.PLENTY), state=state)[1] == [Start(Call.REPORT)]
    assert play(Rested(Lane.REPORTS), state=state)[1] == [Start(Call.REPORT)]


def test_reports_that_keep_coming_do_not_put_off_the_first_of_them():
    state, _ = play(ReportsWait(Backlog.CALM), state=an_open_session())
    assert play(ReportsWait(Backlog.CALM), state=state)[1] == []


def test_between_two_requests_of_reports_there_is_a_pause_unless_plenty_wait():
    asked, _ = play(ReportsWait(Backlog.URGENT), state=an_open_session())
    state, actions = play(answered(Backlog.URGENT), state=asked)
    assert Start(Call.REPORT) not in actions
    assert play(ReportsWait(Backlog.URGENT), state=state)[1] == []
    assert play(ReportsWait(Backlog.PLENTY), state=state)[1] == [Start(Call.REPORT)]
    assert play(Rested(Lane.REPORTS), state=state)[1] == [Start(Call.REPORT)]


def test_the_first_report_after_a_pause_without_any_is_treated_like_the_first_ever():
    asked, _ = play(ReportsWait(Backlog.URGENT), state=an_open_session())
    quiet, actions = play(answered(Backlog.NOTHING), Rested(Lane.REPORTS), state=asked)
    assert actions == []
    assert play(ReportsWait(Backlog.CALM), state=quiet)[1] == [Rest(Lane.REPORTS, session.LINGER_S)]
    assert play(ReportsWait(Backlog.URGENT), state=quiet)[1] == [Start(Call.REPORT)]


def test_plenty_of_reports_do_not_cut_the_pause_after_a_failure_short():
    state, _ = play(ReportsWait(Backlog.URGENT), failed(Call.REPORT), state=an_open_session())
    assert play(ReportsWait(Backlog.PLENTY), state=state)[1] == []
    assert play(Rested(Lane.REPORTS), state=state)[1] == [Start(Call.REPORT)]


def test_reports_that_waited_for_the_session_go_when_it_is_open():
    early = (Ready(enrolled=True), ReportsWait(Backlog.CALM), Rested(Lane.REPORTS), OPENED)
    assert Start(Call.REPORT) in play(*early, beaten())[1]
