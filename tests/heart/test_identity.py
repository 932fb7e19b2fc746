"""Who is who: shared identifiers link, a person's word overrules them, and the order of arrival is nothing."""

from __future__ import annotations

from itertools import permutations

import pytest

from mapping.identity import CERTAIN, Identifier, Node, cluster, founder_id, shared_mailbox

Pairs = list[tuple[int, int]]
MAIL: Identifier = ("email", "ada@example.org")
MAIL2: Identifier = ("email", "ada@work.example")
MAIL3: Identifier = ("email", "lace@example.org")
MADE: Identifier = ("made", "p_ada")


def node(record: int, age: int = 1) -> Node:
    return Node(age, "crm", str(record), record, founder_id("crm", str(record)))


FOUR = [node(1), node(2), node(3), node(4)]


@pytest.mark.parametrize(
    ("holders", "same", "not_same", "largest", "people", "refused"),
    [
        pytest.param({}, [], [], 9, [[1], [2], [3], [4]], [], id="strangers"),
        pytest.param({MAIL: [1, 2]}, [], [], 9, [[1, 2], [3], [4]], [], id="one-address"),
        pytest.param({MAIL: [1, 3, 4]}, [], [], 9, [[1, 3, 4], [2]], [], id="one-address-of-three"),
        pytest.param({MAIL: [1, 2], MAIL2: [2, 3]}, [], [], 9, [[1, 2, 3], [4]], [], id="a-chain-of-addresses"),
        pytest.param({MAIL: [1, 7]}, [], [], 9, [[1], [2], [3], [4]], [], id="a-record-from-elsewhere"),
        pytest.param({MAIL: []}, [], [], 9, [[1], [2], [3], [4]], [], id="a-value-that-proves-nothing"),
        pytest.param({}, [(1, 4)], [], 9, [[1, 4], [2], [3]], [], id="told-that-they-are-one"),
        pytest.param({}, [(1, 7), (7, 2)], [], 9, [[1], [2], [3], [4]], [], id="told-of-a-record-from-elsewhere"),
        pytest.param({MAIL: [1, 2]}, [], [(2, 1)], 9, [[1], [2], [3], [4]], [], id="told-that-they-are-not"),
        pytest.param({MAIL: [1, 2, 3]}, [], [(1, 2)], 9, [[1, 3], [2], [4]], [], id="told-apart-within-one-address"),
        pytest.param({MAIL: [1, 2, 3]}, [], [(2, 3)], 9, [[1, 2], [3], [4]], [], id="told-apart-at-the-end-of-it"),
        pytest.param(
            {MAIL: [1, 2], MAIL2: [3, 4], MAIL3: [2, 3]},
            [],
            [(1, 4)],
            9,
            [[1, 2, 3], [4]],
            [],
            id="told-apart-across-a-chain",
        ),
        pytest.param({}, [(1, 2), (2, 3)], [(1, 3)], 9, [[1, 2], [3], [4]], [], id="apart-goes-before-same"),
        pytest.param({MAIL: [1, 2]}, [], [(1, 9)], 9, [[1, 2], [3], [4]], [], id="apart-from-somebody-elsewhere"),
        pytest.param({MAIL: [1, 2, 3]}, [], [], 2, [[1, 2], [3], [4]], [(2, 3)], id="too-large"),
        pytest.param({MAIL: [1, 2, 3, 4]}, [], [], 2, [[1, 2], [3, 4]], [(2, 3)], id="too-large-twice"),
        pytest.param({}, [(1, 2), (2, 3)], [], 2, [[1, 2, 3], [4]], [], id="a-persons-word-has-no-largest-size"),
        pytest.param(
            {MAIL: [1, 2], MADE: [2, 3]}, [], [], 2, [[1], [2, 3], [4]], [(1, 2)], id="facts-go-before-addresses"
        ),
        pytest.param({MADE: [2, 3]}, [], [(2, 3)], 9, [[1], [2], [3], [4]], [], id="a-persons-word-goes-before-facts"),
    ],
)
def test_cluster(
    holders: dict[Identifier, list[int]],
    same: Pairs,
    not_same: Pairs,
    largest: int,
    people: list[list[int]],
    refused: Pairs,
) -> None:
    """Identifiers link, people's words go first, and no group grows beyond the largest size by itself."""
    for order in permutations(FOUR):
        for values in (holders, dict(reversed(holders.items()))):
            groups, left = cluster(order, values, same, not_same, largest=largest)

            assert [[one.record for one in group] for group in groups] == people
            assert left == refused


def test_the_oldest_record_founds_the_person() -> None:
    """A group begins with its oldest record, whatever the numbers of the records say."""
    nodes = [node(1, age=5), node(2, age=3), node(3, age=4)]

    groups, _ = cluster(nodes, {MAIL: [1, 2, 3]}, (), (), largest=9)

    assert [[one.record for one in group] for group in groups] == [[2, 3, 1]]


def test_founder_ids() -> None:
    """An id follows from the record alone, and two records never share one."""
    ids = [founder_id("crm", "1"), founder_id("crm", "2"), founder_id("news", "1"), founder_id("crm\n1", "")]

    assert founder_id("crm", "1") == ids[0]
    assert len({*ids}) == 4
    assert all(one.startswith("p_") and one[2:].isalnum() and one == one.lower() for one in ids)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("info@example.org", True, id="info"),
        pytest.param("büro@example.org", True, id="büro"),
        pytest.param("info+bread@example.org", True, id="with-a-tag"),
        pytest.param("ada@example.org", False, id="a-person"),
        pytest.param("ada.info@example.org", False, id="a-person-named-so"),
        pytest.param("informatik@example.org", False, id="begins-alike"),
        pytest.param("ada@info.example", False, id="a-domain-named-so"),
    ],
)
def test_a_shared_mailbox_proves_little(address: str, expected: bool) -> None:
    """An office's address links nobody."""
    assert shared_mailbox(address) is expected


def test_certain_kinds_are_not_addresses() -> None:
    """An address is never a fact about who is who."""
    assert "email" not in CERTAIN
