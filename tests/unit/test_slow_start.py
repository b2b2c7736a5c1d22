"""How a consumer on RabbitMQ comes to hold as many messages as it may."""

from bus.domain.slow_start import SlowStart


def test_it_begins_with_one_and_doubles_up_to_the_limit():
    slow_start = SlowStart(6)
    windows = [slow_start.window]
    for _ in range(4):
        slow_start.outlived()
        windows.append(slow_start.window)
    assert windows == [1, 2, 4, 6, 6]


def test_the_broker_is_asked_for_everything_once_one_message_was_outlived():
    slow_start = SlowStart(6)
    assert slow_start.prefetch == 1
    slow_start.outlived()
    assert slow_start.prefetch == 6


def test_a_message_that_came_back_once_narrows_what_is_in_hand_only():
    slow_start = SlowStart(8)
    slow_start.outlived()
    slow_start.taken(redeliveries=1)
    assert (slow_start.window, slow_start.prefetch) == (1, 8)


def test_a_message_that_came_back_twice_narrows_what_the_broker_sends_too():
    slow_start = SlowStart(8)
    slow_start.outlived()
    slow_start.taken(redeliveries=2)
    assert (slow_start.window, slow_start.prefetch) == (1, 1)


def test_own_copies_are_held_in_full_from_the_start():
    full = SlowStart(8, gradual=False)
    full.taken(redeliveries=3)
    assert (full.window, full.prefetch, full.is_full) == (8, 8, True)
