"""Holds the machine against the steps that the one in Rust took."""

import json
import unittest
from pathlib import Path

from outlive._machine import Link, wait_ms

CLIENTS = Path(__file__).resolve().parents[2]


class Machine(unittest.TestCase):
    def test_it_takes_the_same_steps_as_the_one_in_rust(self) -> None:
        vectors = json.loads((CLIENTS / "js/vectors.json").read_text("utf-8"))
        steps = 0
        for w, walk in enumerate(vectors["walks"]):
            link = Link(walk["saved"], vectors["settings"])
            for s, expected in enumerate(walk["steps"]):
                step = link.step(expected["event"])
                got = {
                    "event": expected["event"],
                    "trigger": step.trigger,
                    "rules": step.rules,
                    "state": link.state,
                    "effects": step.effects,
                    "saved": link.saved(),
                }
                if step.refusal is not None:
                    got["refusal"] = step.refusal["reason"]
                self.assertEqual(got, expected, f"walk {w}, step {s}")
                steps += 1
        self.assertGreater(steps, 1000)

    def test_waits_are_those_of_the_one_in_rust(self) -> None:
        self.assertEqual(wait_ms({"between": {"least_ms": 0, "most_ms": 999}}, 0.9999, None), 999)
        self.assertEqual(wait_ms({"since": {"ms": 1000}}, 0.5, 400), 600)
        self.assertEqual(wait_ms({"since": {"ms": 1000}}, 0.5, None), 0)
        self.assertEqual(wait_ms({"for": {"ms": 7}}, 0.5, None), 7)


if __name__ == "__main__":
    unittest.main()
