"""Rooms: found by the prefix of their topic, labelled by what follows it, never mixed."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomsync.model import Room
from roomsync.relay.rooms import Rooms, label_of

PREFIX = "Milvus用户交流群"
BLANKS = ["", " ", "  ", "\u3000", "\u00a0", "\t", "\u200b"]
WIDE = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}


def disguised(character: str) -> st.SearchStrategy[str]:
    """`character` in any width and case, any blanks before it."""
    forms = {character, character.upper(), character.lower()}
    forms |= {WIDE.get(form, form) for form in forms}
    return st.tuples(st.sampled_from(BLANKS), st.sampled_from(sorted(forms))).map("".join)


def labels(rooms: Rooms, prefix: str = PREFIX) -> list[str]:
    return [room.label for room in rooms.community(prefix)]


@pytest.mark.parametrize(
    ("topic", "label"),
    [
        (PREFIX + "101", "101"),
        (PREFIX + "7", "7"),
        (PREFIX + "上海", "上海"),
        (PREFIX + "2024-01 北京", "2024-01 北京"),
        ("Milvus 用户交流群 101", "101"),
        ("  milvus用户交流群\u3000101 ", "101"),
        ("Ｍｉｌｖｕｓ用户交流群101", "101"),
        ("MILVUS用户交流群Shanghai", "Shanghai"),
        ("\u200bMilvus用户\u2060交流群101", "101"),
        (PREFIX + "１０１", "１０１"),
        (PREFIX + " North \n  East", "North East"),
    ],
)
def test_label_is_what_follows_the_prefix(topic: str, label: str) -> None:
    """A label has any length and stands as in the topic; blanks, width and case of the prefix do not matter."""
    assert label_of(topic, PREFIX) == label


@pytest.mark.parametrize(
    "topic",
    ["", " ", "家庭群", "Milvus", "Milvus用户交流", "新Milvus用户交流群1", "Milvus用户群1", "Milvus-用户交流群1"],
)
def test_topic_without_the_prefix_has_no_label(topic: str) -> None:
    """A topic that does not start with the whole prefix is none of the community's."""
    assert label_of(topic, PREFIX) is None


@pytest.mark.parametrize("topic", [PREFIX, f" {PREFIX}", f" {PREFIX} ", "MILVUS用户交流群"])
def test_topic_that_is_the_prefix_alone_is_its_own_label(topic: str) -> None:
    """A room called like the prefix alone is labelled by its topic, so that a header names it."""
    assert label_of(topic, PREFIX) == topic.strip()


def test_prefix_is_compared_as_topics_are() -> None:
    """The blanks, width and case of the prefix in the settings do not matter either."""
    assert label_of(PREFIX + "101", "ＭＩＬＶＵＳ 用户 交流群") == "101"


@settings(deadline=None)
@given(
    st.tuples(*map(disguised, PREFIX)).map("".join),
    st.sampled_from(["", " ", "\u3000"]),
    st.from_regex(r"[0-9A-Za-z上海北京_.()-]{1,12}", fullmatch=True),
)
def test_any_writing_of_the_prefix_is_found(written: str, blank: str, label: str) -> None:
    """However the prefix is spaced and written in a topic, the label after it is found unchanged."""
    assert label_of(written + blank + label, PREFIX) == label


@settings(deadline=None)
@given(st.text(max_size=20), st.text(min_size=1, max_size=5))
def test_any_topic_has_a_label_or_none(topic: str, prefix: str) -> None:
    """Whatever the topic, looking for the label does not fail, and a label that is there is not empty."""
    label = label_of(topic, prefix)
    assert label is None or label or not topic.strip()


def test_placed_room_is_known_with_community_and_label() -> None:
    """A room in a community is had back by its id, with topic, community and label."""
    rooms = Rooms([PREFIX])
    placed = rooms.place("r1", "Milvus 用户交流群 101")
    assert placed == rooms.get("r1") == Room("r1", "Milvus 用户交流群 101", PREFIX, "101")


def test_room_outside_is_known_but_in_no_community() -> None:
    """A room with another topic is remembered as seen and is had by nobody."""
    rooms = Rooms([PREFIX])
    assert rooms.place("family", "家庭群") is None
    assert (rooms.get("family"), rooms.knows("family"), rooms.knows("never seen")) == (None, True, False)


def test_others_are_the_rest_of_the_community() -> None:
    """The others of a room are all rooms of its community but itself, by label."""
    rooms = Rooms([PREFIX])
    first, *_ = [rooms.place(f"r{label}", PREFIX + label) for label in ("2", "10", "1")]
    assert first
    assert [room.id for room in rooms.others(first)] == ["r1", "r10"]


def test_rooms_of_one_name_are_two_rooms() -> None:
    """Two rooms with the same topic are each the other's other."""
    rooms = Rooms([PREFIX])
    first, second = (rooms.place(room_id, PREFIX + "1") for room_id in ("a", "b"))
    assert first and second
    assert (rooms.others(first), rooms.others(second)) == ([second], [first])


@pytest.mark.parametrize("prefixes", list(itertools.permutations(["Milvus", "Milvus-dev", "Knowhere"])))
def test_longest_prefix_that_fits_wins(prefixes: tuple[str, ...]) -> None:
    """Of two prefixes that fit a topic the longer takes it, in whatever order they are set."""
    rooms = Rooms(prefixes)
    for topic in ("Milvus 1", "Milvus-dev 2", "milvus - dev 3", "Milvus-de", "Knowhere 4"):
        rooms.place(topic, topic)
    found = {prefix: labels(rooms, prefix) for prefix in prefixes}
    assert found == {"Milvus": ["1", "-de"], "Milvus-dev": ["2", "3"], "Knowhere": ["4"]}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["Milvus1", "Milvus2", "Milvus-dev1", "Milvus-dev 2", "Knowhere1", "家庭群"])))
def test_communities_never_mix(topics: list[str]) -> None:
    """Whatever rooms there are, the others of a room have its community's prefix, and no room is in two."""
    rooms = Rooms(["Milvus", "Milvus-dev", "Knowhere"])
    placed = [room for number, topic in enumerate(topics) if (room := rooms.place(str(number), topic))]
    for room in placed:
        assert {other.id for other in rooms.others(room)} == {
            other.id for other in placed if other.community == room.community and other.id != room.id
        }


@pytest.mark.parametrize(
    ("before", "after", "community"),
    [
        (PREFIX + "1", PREFIX + "2", PREFIX),
        (PREFIX + "1", "家庭群", None),
        ("家庭群", PREFIX + "1", PREFIX),
        (PREFIX + "1", "Knowhere 1", "Knowhere"),
    ],
)
def test_renamed_room_is_where_its_new_topic_says(before: str, after: str, community: str | None) -> None:
    """A room that is placed again is in the community of its new topic, only there, and still known."""
    rooms = Rooms([PREFIX, "Knowhere"])
    rooms.place("r", before)
    rooms.place("r", after)
    found = [prefix for prefix in rooms.prefixes for room in rooms.community(prefix) if room.topic == after]
    assert (found, rooms.knows("r"), bool(rooms.get("r"))) == ([community] * bool(community), True, bool(community))


@pytest.mark.parametrize("topic", [PREFIX + "1", "家庭群"])
def test_removed_room_is_forgotten(topic: str) -> None:
    """A room that the bot has left is in no community until it is back, and is named to the caller if it was in one."""
    rooms = Rooms([PREFIX])
    placed = rooms.place("r", topic)
    assert (rooms.remove("r"), rooms.remove("r")) == (placed, None)
    assert (rooms.get("r"), rooms.knows("r"), rooms.has_left("r")) == (None, True, True)
    assert (rooms.place("r", topic), rooms.has_left("r")) == (placed, False)


def test_cleared_rooms_are_forgotten() -> None:
    """After a clear no room is known, neither in a community nor outside."""
    rooms = Rooms([PREFIX])
    rooms.place("r", PREFIX + "1")
    rooms.place("family", "家庭群")
    rooms.replace_all({})
    assert (rooms.community(PREFIX), rooms.knows("r"), rooms.knows("family")) == ([], False, False)


def test_labels_are_in_natural_order() -> None:
    """Labels sort as people count, `9` before `10`, numbers in any width, digits before words."""
    order = ["7", "9", "１０", "101", "A2", "A10", "A10-9", "A10-11", "上海"]
    rooms = Rooms([PREFIX])
    for label in sorted(order, reverse=True):
        rooms.place(label, PREFIX + label)
    assert labels(rooms) == order


@settings(deadline=None)
@given(st.lists(st.text(st.characters(categories=["Nd", "No", "Nl", "Lu", "Lo", "Zs"]), max_size=6)))
def test_labels_of_any_characters_can_be_ordered(written: list[str]) -> None:
    """Whatever digits and letters of the world a label has, the rooms can be listed, none missing."""
    rooms = Rooms(["群"])
    for number, label in enumerate(written):
        rooms.place(str(number), "群" + label)
    assert len(rooms.community("群")) == len(written)
