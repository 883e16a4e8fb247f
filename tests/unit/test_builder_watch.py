"""Nodes that stop answering while they build: noticed after a time, forgiven when they are back before."""

from __future__ import annotations

from docker_push.builder.watch import Watch

A, B = "tcp://a:1", "tcp://b:1"


def test_a_node_that_does_not_answer_for_the_whole_time_is_gone():
    watch = Watch(limit=60)

    watch.note({A: False, B: True}, 0, 1)
    watch.note({A: False, B: True}, 30, 31)
    assert watch.gone == ()
    watch.note({A: False, B: True}, 59, 60)

    assert watch.gone == (B,)


def test_a_node_that_is_back_before_is_as_if_nothing_had_been():
    watch = Watch(limit=60)

    watch.note({A: True}, 0, 1)
    watch.note({A: False}, 30, 31)
    watch.note({A: True}, 50, 90)

    assert watch.gone == ()


def test_a_look_that_took_long_counts_from_its_beginning():
    watch = Watch(limit=20)

    watch.note({A: True}, 5, 25)

    assert watch.gone == (A,)
