"""No person and no source is ever on two sides, whatever the files are tied by."""

from hypothesis import example, given
from hypothesis import strategies as st

from export.splits import APART, TEST, TRAIN, VAL, connected, split

NAMES = st.sampled_from([f"person{number}" for number in range(25)])
FILES = st.lists(
    st.tuples(st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple), st.integers(0, 1)),
    min_size=1,
    max_size=120,
)


@given(FILES)
@example([(("a", "b"), 1), (("b", "c"), 1), (("c", "a"), 0), (("d",), 0)])
def test_no_person_and_no_source_crosses_a_split(files):
    keys, labels = [file[0] for file in files], [file[1] for file in files]
    seen = {}
    for names, side in zip(keys, split(keys, labels), strict=True):
        if side == APART:
            continue
        for name in names:
            assert seen.setdefault(name, side) == side


@given(FILES, st.randoms())
def test_the_order_of_the_files_does_not_matter(files, order):
    shuffled = list(files)
    order.shuffle(shuffled)
    sides = dict(zip(files, split(*zip(*files, strict=True)), strict=True))
    assert dict(zip(shuffled, split(*zip(*shuffled, strict=True)), strict=True)) == sides


@given(FILES)
def test_what_is_tied_through_others_has_one_name(files):
    names = connected([file[0] for file in files])
    for keys, _ in files:
        assert len({names[key] for key in keys}) == 1


def test_sixty_people_are_dealt_eight_to_one_to_one():
    keys = [(f"person{number // 4}",) for number in range(240)]
    labels = [number % 2 for number in range(240)]
    sides = split(keys, labels)
    assert [sides.count(side) for side in (TRAIN, VAL, TEST, APART)] == [192, 24, 24, 0]


def test_three_people_already_give_three_sides():
    keys, labels = [(name,) for name in "aabbcc"], [0, 1] * 3
    assert set(split(keys, labels)) == {TRAIN, VAL, TEST}


def test_where_genuine_and_fake_show_other_people_every_side_has_both():
    keys = [(f"real{n}",) for n in range(10)] + [(f"fake{n}",) for n in range(10)]
    labels = [0] * 10 + [1] * 10
    sides = split(keys, labels)
    assert len(set(zip(sides, labels, strict=True))) == 6


def test_where_everybody_swaps_with_everybody_the_knot_is_cut():
    people = [f"id{number}" for number in range(30)]
    keys = [(person,) for person in people for _ in range(5)]
    keys += [(a, b) for a in people for b in people if a != b]
    sides = split(keys, [0] * 150 + [1] * 870)
    assert sides[:150].count(APART) == 0
    assert sides.count(TRAIN) > 500
    assert all(sides[:150].count(side) >= 10 for side in (VAL, TEST))


def test_one_person_alone_is_trained_on():
    assert split([("a",)] * 3, [0, 1, 1]) == [TRAIN] * 3
