"""The folder of each member: always the same for the same inputs, and never one inside another."""

from hypothesis import given
from hypothesis import strategies as st

from cli.job.fanout.items import Item
from cli.job.fanout.names import names, unique
from domain.batch.members import Member, decode, encode


def files(*paths):
    return [Item(file=path) for path in paths]


def test_files_are_named_after_where_they_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names(files("data/a/1.csv", "data/b/1.csv")) == ["a/1.csv", "b/1.csv"]
    assert names(files("data/1.csv")) == ["1.csv"]
    assert names(files("./data/1.csv", f"{tmp_path}/data/2.csv", "other/../data/3.csv")) == ["1.csv", "2.csv", "3.csv"]
    assert names(files("../x/1.csv", "1.csv")) == ["x/1.csv", f"{tmp_path.name}/1.csv"]


def test_lines_are_named_after_what_they_say():
    lines = ["--lr 0.1 --seed 3", "--lr 0.1  --seed 3", "../../etc/passwd", "'", "ä ö", "x" * 500]
    assert names([Item(line=line) for line in lines]) == [
        "lr-0.1-seed-3",
        "lr-0.1-seed-3~2",
        "etc-passwd",
        "line",
        "ä-ö",
        "x" * 60,
    ]


def test_no_name_is_a_folder_of_another():
    assert unique(["a/b", "a", "a", "a~2"]) == ["a/b", "a~2", "a~3", "a~2~2"]


@given(
    st.lists(
        st.text(alphabet="ab~/", min_size=1, max_size=5).map(
            lambda text: "/".join(filter(None, text.split("/"))) or "a"
        ),
        min_size=1,
    )
)
def test_the_grid_takes_every_list_of_names(wanted):
    made = unique(wanted)
    decode(encode(Member(name) for name in made))
    assert len(set(made)) == len(wanted)
