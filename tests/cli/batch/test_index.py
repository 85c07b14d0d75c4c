"""The index is whole whenever it is read, says what is known, and takes nobody else's place."""

import json

from cli.batch.index import Index

DOC = {"id": "batch_1", "status": "running", "count": 3, "counts": {"succeeded": 1}, "script": {"path": "p.py"}}


def entry(position, **more):
    return {"index": position, "name": f"m{position}", "execution": f"exec_{position}", "status": "succeeded",
            "attempt": 1, "cost_micros": None, "outputs": [], **more}  # fmt: skip


def opened(folder, batch="batch_1", inputs=()):
    index = Index(folder, batch)
    index.open(inputs)
    return index


def read(folder, name="batch.json"):
    return json.loads((folder / name).read_text())


def test_inputs_are_listed_before_anything_ended(tmp_path):
    index = opened(tmp_path, inputs=[("m0", "data/a.csv"), ("m1", "--seed 1")])
    index.write(DOC, now=True)
    said = read(tmp_path)
    assert [(each["input"], each["status"]) for each in said["members"]] == [
        ("data/a.csv", "open"),
        ("--seed 1", "open"),
    ]
    assert said["batch"] == "batch_1" and said["script"] == "p.py" and said["complete"] is False


def test_order_inputs_and_costs_that_come_late(tmp_path):
    index = opened(tmp_path, inputs=[("m0", "a"), ("m1", "b")])
    index.price({"index": 1, "id": "exec_1", "attempt": 1, "cost_micros": 7})
    for position in (1, 0):
        index.put(position, entry(position))
    index.price({"index": 0, "id": "exec_0", "attempt": 1, "cost_micros": 5})
    index.write(DOC, now=True, complete=True)
    said = read(tmp_path)
    assert [(each["input"], each["cost_micros"]) for each in said["members"]] == [("a", 5), ("b", 7)]
    assert said["complete"] is True


def test_what_an_earlier_process_wrote_is_known(tmp_path):
    index = opened(tmp_path, inputs=[("m0", "typed")])
    index.put(0, entry(0, outputs=[{"path": "x", "file": "m0/x", "sha256": "ab", "size_bytes": 1}]))
    index.write(DOC, now=True)
    again = opened(tmp_path)
    assert again.recorded(0) == {"m0/x": "ab"}
    again.put(0, entry(0, attempt=2))
    again.put(0, entry(0, attempt=1, status="failed"))
    again.write(DOC, now=True)
    assert read(tmp_path)["members"][0]["input"] == "typed"
    assert read(tmp_path)["members"][0]["attempt"] == 2


def test_the_index_of_another_batch_moves_aside(tmp_path, capfd):
    opened(tmp_path, "batch_old").write({**DOC, "id": "batch_old"}, now=True)
    opened(tmp_path).write(DOC, now=True)
    assert read(tmp_path)["batch"] == "batch_1"
    assert read(tmp_path, "batch_old.json")["batch"] == "batch_old"
    assert "batch_old.json" in capfd.readouterr().err


def test_a_file_that_is_no_index_stays(tmp_path):
    (tmp_path / "batch.json").write_text("mine")
    opened(tmp_path).write(DOC, now=True)
    assert (tmp_path / "batch.json").read_text() == "mine"
    assert read(tmp_path, "batch_1.json")["batch"] == "batch_1"


def test_two_batches_at_a_time_do_not_take_turns(tmp_path):
    one = opened(tmp_path)
    one.write(DOC, now=True)
    opened(tmp_path, "batch_2").write({**DOC, "id": "batch_2"}, now=True)
    one.write(DOC, now=True)
    assert read(tmp_path)["batch"] == "batch_2"
    assert read(tmp_path, "batch_1.json")["batch"] == "batch_1"


def test_it_is_not_written_for_every_member(tmp_path):
    index = opened(tmp_path)
    index.write(DOC)
    first = (tmp_path / "batch.json").read_bytes()
    assert index.due > 0
    index.due = float("inf")
    for position in range(100):
        index.put(position, entry(position))
        index.write(DOC)
    assert (tmp_path / "batch.json").read_bytes() == first
    index.write(DOC, now=True)
    assert len(read(tmp_path)["members"]) == 100
    assert not list(tmp_path.glob(".*"))
