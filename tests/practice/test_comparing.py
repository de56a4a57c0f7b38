"""Where a message and the reference's part: by what is done, not by what it is called."""

import pytest

from chatflow.practice.comparing import first_difference
from chatflow.tracing.flow import Flow
from chatflow.tracing.hops import Hop

JOINS = [
    ("websocket", "client/alice", "server/A", "GET /ws/chat/tea-room/"),
    ("inside", "routing/A", "consumer/alice@A", "ChatConsumer(room_name=tea-room)"),
    ("layer", "consumer/alice@A", "layer/A", "group_add chat_tea-room"),
]
POSTS = [
    ("websocket", "client/alice", "server/A", "post “hello”"),
    ("layer", "consumer/alice@A", "layer/A", "group_send chat_tea-room"),
    ("layer", "layer/A", "consumer/bob@A", "chat.message → chat_message()"),
]


def flow(handshake, hops, ended=()):
    """A flow of these hops; `ended` came later, in the connection that the handshake opened."""
    before = [hop(number, each, -1) for number, each in enumerate(handshake)]
    later = [hop(number + 50, each, 7) for number, each in enumerate(ended)]
    own = [hop(number + 90, each, number) for number, each in enumerate(hops)]
    return Flow("", "", (), (*before, *later), tuple(own))


def hop(number, facts, after):
    kind, source, target, label = facts
    return Hop(f"h{number}", 0, "1", kind, source, target, label, passed={"after": after})


def test_alike_whatever_things_are_called():
    yours = flow(
        [
            JOINS[0],
            (*JOINS[1][:3], "MyConsumer(room_name=tea-room)"),
            (*JOINS[2][:3], "group_add x"),
        ],
        [*POSTS[:2], (*POSTS[2][:3], "news → news()")],
    )
    assert first_difference(yours, flow(JOINS, POSTS)) is None


@pytest.mark.parametrize(
    ("handshake", "hops", "parts"),
    [
        (JOINS[:2], POSTS, (2, 2)),  # not joined
        (JOINS, POSTS[:1], (4, 4)),  # not sent: it is over before
        (JOINS, [*POSTS[:2], (*POSTS[2][:2], "consumer/alice@A", POSTS[2][3])], (5, 5)),
        ([JOINS[0], JOINS[2]], POSTS, (1, 1)),
    ],
)
def test_first_hop_that_differs(handshake, hops, parts):
    assert first_difference(flow(handshake, hops), flow(JOINS, POSTS)) == parts


def test_end_of_the_connection_is_no_part_of_its_beginning():
    """A consumer that ends by an error leaves its group, in the trace of its handshake."""
    leaves = [("layer", "consumer/alice@A", "layer/A", "group_discard chat_tea-room")]
    fails = [*POSTS[:2], ("lost", "layer/A", "consumer/bob@A", "ValueError")]
    yours = flow(JOINS, fails, ended=leaves)
    assert first_difference(yours, flow(JOINS, POSTS)) == (6, 5), "each picture has its own number"


def test_without_what_was_before():
    yours = flow([], POSTS[:2])
    assert first_difference(yours, flow(JOINS, POSTS), opening=False) == (2, 5)
