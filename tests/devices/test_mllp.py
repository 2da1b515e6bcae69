"""Whole messages come out of a stream however it is cut, and nothing else does."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bothwell.devices.mllp import END, START, Framer, frame

bodies = st.lists(
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\x0b", b"").replace(b"\x1c", b"")), max_size=6
)
noise = st.binary(max_size=20).map(lambda raw: raw.replace(b"\x0b", b""))


def feed_in_pieces(framer: Framer, stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found: list[bytes] = []
    for start, stop in pairwise(places):
        found += framer.feed(stream[start:stop])
    return found


def test_a_framed_message_has_the_marks_of_the_standard() -> None:
    assert frame(b"MSH") == b"\x0bMSH\x1c\x0d"


@given(bodies, st.lists(noise, min_size=6, max_size=6), st.lists(st.integers(0, 600), max_size=12))
def test_every_message_comes_out_once_whatever_the_pieces_and_the_noise_between(
    messages: list[bytes], between: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(junk + frame(message) for junk, message in zip(between, messages, strict=False))
    framer = Framer()
    assert feed_in_pieces(framer, stream, cuts) == messages
    assert framer.dropped_bytes == sum(len(junk) for junk, _ in zip(between, messages, strict=False))


@given(st.lists(st.binary(max_size=80), max_size=10))
def test_any_bytes_cut_anyhow_give_the_same_messages_and_never_raise(pieces: list[bytes]) -> None:
    marks = b"".join(piece.replace(b"a", START).replace(b"b", END) for piece in pieces)
    whole, bytewise = Framer(limit_bytes=12), Framer(limit_bytes=12)
    one_by_one = [message for at in range(len(marks)) for message in bytewise.feed(marks[at : at + 1])]
    assert whole.feed(marks) == one_by_one
    assert all(len(message) <= 12 and START not in message and END not in message for message in one_by_one)


@given(st.text("ab\x0b\x1c\x0d", max_size=60).map(str.encode), st.lists(st.integers(0, 60), max_size=9))
def test_streams_dense_with_marks_do_not_depend_on_the_cuts(stream: bytes, cuts: list[int]) -> None:
    assert feed_in_pieces(Framer(6), stream, cuts) == Framer(6).feed(stream)


def test_a_message_that_comes_byte_by_byte_is_whole() -> None:
    framer = Framer()
    stream = frame(b"one") + frame(b"two")
    assert [message for at in range(len(stream)) for message in framer.feed(stream[at : at + 1])] == [
        b"one",
        b"two",
    ]


def test_a_start_mark_inside_a_frame_begins_the_message_again() -> None:
    framer = Framer()
    assert framer.feed(b"\x0bhalf of it\x0bwhole\x1c\x0d") == [b"whole"]
    assert framer.dropped_bytes == len(b"half of it")


def test_a_message_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    framer = Framer(limit_bytes=10)
    assert framer.feed(frame(b"x" * 10) + frame(b"y" * 11) + frame(b"z")) == [b"x" * 10, b"z"]
    assert framer.oversized_frames == 1


def test_a_frame_that_never_ends_is_not_kept() -> None:
    framer = Framer(limit_bytes=100)
    for _ in range(50):
        assert framer.feed(b"\x0b" + b"x" * 70) == []
        assert framer.feed(b"x" * 70) == []
    assert len(framer._held) <= 101
    assert framer.oversized_frames == 50
    assert framer.feed(frame(b"well")) == [b"well"]
