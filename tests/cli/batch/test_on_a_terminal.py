"""A batch before a person at a terminal: Ctrl-C detaches, twice cancels, and nothing of the display stays behind."""

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.test_live import Terminal
from tests.fixtures.batch_server import BATCH, BatchServer


@pytest.fixture
def batch(odd_server, monkeypatch, tmp_path):
    monkeypatch.setenv("RGRID_API_URL", odd_server.url)
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(tmp_path)
    return BatchServer(odd_server, [f"in/{i:03d}.txt" for i in range(40)])


class Sitting:
    """A process whose words reach a terminal, read all the while."""

    def __init__(self, *words):
        self.ours, theirs = pty.openpty()
        code = "import sys; from cli.main import main; sys.exit(main())"
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        command = [sys.executable, "-c", code, *words]
        self.process = subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=environment)
        os.close(theirs)
        self.text = ""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while True:
            try:
                piece = os.read(self.ours, 65536)
            except OSError:
                return
            if not piece:
                return
            self.text += piece.decode()

    def until(self, words):
        while words not in self.text:
            assert self.process.poll() is None, self.text
            self.process.poll()
            threading.Event().wait(0.02)

    def end(self):
        """The exit code and what the terminal shows at last."""
        code = self.process.wait()
        self.process.stdout.close()
        self.reader.join()
        os.close(self.ours)
        screen = Terminal(200)
        screen.write(self.text)
        return code, screen.seen()


def test_the_first_interrupt_detaches(batch):
    batch.end(0, files={"out.txt": b"0"})
    sitting = Sitting("attach", BATCH)
    sitting.until("1 of 40")
    sitting.process.send_signal(signal.SIGINT)
    code, seen = sitting.end()
    assert code == 0
    assert batch.cancelled == 0
    assert any("detached" in row for row in seen) and any(f"rgrid attach {BATCH}" in row for row in seen)
    assert not any("1 of 40" in row for row in seen)


def test_the_way_back_leads_to_the_same_folder(batch):
    batch.end(0, files={"out.txt": b"0"})
    sitting = Sitting("attach", BATCH, "-o", "my results")
    sitting.until("1 of 40")
    sitting.process.send_signal(signal.SIGINT)
    code, seen = sitting.end()
    assert code == 0
    assert any(f"return      rgrid attach {BATCH} -o 'my results'" in row for row in seen), seen


def test_the_second_one_cancels(batch):
    batch.end(0, files={"out.txt": b"0"})
    sitting = Sitting("attach", BATCH)
    sitting.until("1 of 40")
    sitting.process.send_signal(signal.SIGINT)
    sitting.until("Ctrl-C again")
    sitting.process.send_signal(signal.SIGINT)
    code, seen = sitting.end()
    assert code == 130
    assert batch.cancelled == 1
    assert any("39 cancelled" in row for row in seen)
    assert not any("1 of 40" in row for row in seen)


def test_looking_at_it_cancels_nothing(batch):
    sitting = Sitting("batch", BATCH)
    sitting.until("0 of 40")
    sitting.process.send_signal(signal.SIGINT)
    code, seen = sitting.end()
    assert (code, seen, batch.cancelled) == (0, [], 0)
    assert not Path("outputs").exists()
