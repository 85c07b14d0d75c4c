"""A file of a member has one place, whoever comes first, and no two files share one."""

import os

from hypothesis import given
from hypothesis import strategies as st

from cli.batch.places import place

NAME = st.text(st.sampled_from("ab_.~/ü"), min_size=1, max_size=12)
PLAIN = NAME.filter(lambda text: all(part not in ("", ".", "..") for part in text.split("/")))


def test_a_folder_each_or_one_for_all():
    assert place("data/a.csv", "out/x.txt", flat=False) == "data/a.csv/out/x.txt"
    assert place("data/a.csv", "out/x.txt", flat=True) == "data__a.csv__out__x.txt"


def test_names_that_could_be_two_are_told_apart():
    one, other = place("a__b", "c", flat=True), place("a", "b/c", flat=True)
    assert other == "a__b__c"
    assert one != other and one.startswith("a__b__c~")


def test_an_input_called_as_the_index_does_not_take_its_place():
    assert place("batch.json", "x", flat=False) == "batch.json~/x"
    assert place("batch.json~", "x", flat=False) == "batch.json~~/x"


def test_long_names_fit():
    name = place("ü" * 120, "y" * 200 + ".parquet", flat=True)
    assert len(os.fsencode(name)) <= 255
    assert name.endswith(".parquet")


@given(st.sets(st.tuples(PLAIN, PLAIN), max_size=30), st.booleans())
def test_no_two_files_share_a_place(files, flat):
    distinct = {f"{member}/{path}" for member, path in files}
    assert len({place(*each, flat=flat) for each in files}) == len(distinct)
