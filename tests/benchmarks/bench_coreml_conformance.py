"""How much of ONNX does the Core ML frontend do? Every node test of the onnx package, per op and overall.

    python tests/benchmarks/bench_coreml_conformance.py [--target iOS17|iOS18] [--only PART_OF_A_NAME]

Each test's model is converted, saved as an .mlpackage without optimizing passes, read back from disk and run by the
reference evaluator: what it gives is no Core ML result. In scope are tests of claimed ops with static shapes and
tensors that a MIL program has; inputs that a conversion needs as constants are frozen to the test's values. What is
refused up front counts as not passed. The exit code is 1 below 95 %.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import print_conditions, print_table, say
from helpers.coreml_conformance import CLAIMED, Result, node_tests, run

AIM = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=("iOS17", "iOS18"), default="iOS17")
    parser.add_argument("--only", default="", help="tests whose name holds this text")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    results = [run(test, options.target) for name, test in sorted(node_tests().items()) if options.only in name]
    counted = [result for result in results if result.state != "out of scope"]
    _print_ops(counted)
    _print_reasons(results)
    passed = sum(result.state == "passed" for result in counted)
    frozen = sum(bool(result.frozen) for result in counted if result.state == "passed")
    say(f"\n{passed} of {len(counted)} tests in scope pass ({passed / max(len(counted), 1):.1%}), {options.target};")
    say(f"{frozen} of them with inputs frozen to the test's values; {len(results)} tests in the package.")
    print_conditions(**{name: version(name) for name in ("coremltools", "onnx", "numpy")})
    return 0 if passed >= AIM * len(counted) else 1


def _print_ops(counted: Sequence[Result]) -> None:
    """Print a row per claimed op: how many tests have it, how many of these pass."""
    all_of, passed = Counter[str](), Counter[str]()
    for result in counted:
        all_of.update(set(result.ops) & CLAIMED)
        passed.update(set(result.ops) & CLAIMED if result.state == "passed" else ())
    rows = [(op, str(all_of[op]), str(passed[op]), f"{passed[op] / all_of[op]:.0%}") for op in sorted(all_of)]
    print_table("Tests in scope per op", ("op", "tests", "passed", "share"), rows)


def _print_reasons(results: Sequence[Result]) -> None:
    """Print every test in scope that does not pass, and how many are out of scope for which reason."""
    say("\nIn scope and not passed")
    for result in results:
        if result.state in ("failed", "refused"):
            say(f"  {result.name}: {result.state}, {result.why}")
    reasons = Counter(result.why for result in results if result.state == "out of scope")
    print_table("Out of scope", ("because of", "tests"), [(why, str(count)) for why, count in reasons.most_common()])


if __name__ == "__main__":
    raise SystemExit(main())
