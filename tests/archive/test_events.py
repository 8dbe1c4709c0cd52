"""Holds the event files of `lung train` to its log, as TensorBoard's own reader sees them.

    python test_events.py LUNG
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

LUNG = sys.argv[1]

# One epoch of each stage and one more, with a validation.
QUICK = """validation = 0.3
cross_fit = false
batch = 8
detail = 64
[head]
epochs = 1
[fine_tune]
epochs = 2
side = [64]
from_layer = [17]
"""


class Events(unittest.TestCase):
    """One training, read by TensorBoard."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folder = Path(cls.temporary.name)
        (folder / "quick.toml").write_text(QUICK)

        def lung(*arguments):
            subprocess.run([LUNG, *map(str, arguments)], check=True)

        lung("phantom", "--out", folder / "data", "--per-class", 8)
        cls.run_folder = folder / "run"
        lung("train", "--data", folder / "data", "--out", cls.run_folder, "--config", folder / "quick.toml")
        (cls.events,) = cls.run_folder.glob("*tfevents*")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_every_scalar_is_what_the_log_says(self):
        log = [json.loads(line) for line in (self.run_folder / "log.jsonl").read_text().splitlines()]
        self.assertEqual([epoch["stage"] for epoch in log], ["head", "fine-tune", "fine-tune"])
        # TensorBoard takes the folder, as it does of a user.
        reader = EventAccumulator(str(self.run_folder))
        reader.Reload()
        expected = {}
        for place, epoch in enumerate(log):
            scalars = {
                "loss/train": epoch["train_loss"],
                "loss/validation": epoch["validation_loss"],
                "accuracy/train": epoch["train_accuracy"],
                "accuracy/validation": epoch["validation_accuracy"],
                "seconds": epoch["seconds"],
            }
            for source, share in epoch["validation_by_source"].items():
                scalars[f"accuracy/validation/{source}"] = share
            for tag, value in scalars.items():
                expected.setdefault(f"{epoch['stage']}/{tag}", []).append((place + 1, value))
        self.assertEqual(set(reader.Tags()["scalars"]), set(expected))
        times = []
        for tag, values in expected.items():
            read = reader.Scalars(tag)
            self.assertEqual([event.step for event in read], [step for step, _ in values], tag)
            for event, (_, value) in zip(read, values):
                # A scalar of an event file is an f32.
                self.assertAlmostEqual(event.value, value, delta=1e-6 * max(1, abs(value)), msg=tag)
                times.append((event.step, event.wall_time))
        seconds = {step: time for step, time in times}
        self.assertLess(seconds[1], seconds[2])
        self.assertLess(seconds[2], seconds[3])

    def test_the_reader_checks_what_it_reads(self):
        whole = self.events.read_bytes()

        def steps(content):
            with tempfile.TemporaryDirectory() as name:
                path = Path(name) / self.events.name
                path.write_bytes(content)
                return [event.step for event in LegacyEventFileLoader(str(path)).Load()]

        self.assertEqual(steps(whole), [0, 1, 2, 3])
        # A bit of the last record: its checksum no longer fits.
        damaged = bytearray(whole)
        damaged[-8] ^= 1
        self.assertEqual(steps(damaged), [0, 1, 2])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
