"""Import cost: `import browserllm` and the first Backend, in a fresh interpreter each time."""

from __future__ import annotations

import json
import subprocess
import sys

from _report import Row, report

RUNS = 20

PROGRAM = """
import json, sys, time
before = set(sys.modules)
start = time.perf_counter()
import browserllm
imported = time.perf_counter()
browserllm.ScriptedBackend(["hello"])
done = time.perf_counter()
new = {name.partition(".")[0] for name in set(sys.modules) - before}
third_party = sorted(new - set(sys.stdlib_module_names) - {"browserllm"})
print(json.dumps([(done - start) * 1e3, (imported - start) * 1e3, third_party]))
"""


def main() -> int:
    """Run each program in its own process; the first run, which may write .pyc files, does not count."""
    runs = []
    for _ in range(RUNS + 1):
        done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    runs = runs[1:]
    third_party = runs[0][2]
    rows = [
        Row("import browserllm, first Backend", [run[0] for run in runs], "ms", budget=50),
        Row("  of that, the import", [run[1] for run in runs], "ms"),
        Row("third-party packages imported", [float(len(run[2])) for run in runs], "packages", budget=5),
    ]
    return report("imports: a fresh CPython interpreter", rows, [f"imported: {', '.join(third_party) or 'none'}"])


if __name__ == "__main__":
    sys.exit(main())
