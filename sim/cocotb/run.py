"""Builds the bench with Icarus and runs it: run.py FOLDER, which holds endpoint.v and facts.py.

The last line says how many tests ran and how many failed; the status is 0 only if some ran and none failed.
"""

import sys
from pathlib import Path

from cocotb_tools.runner import get_results, get_runner

here = Path(__file__).parent
folder = Path(sys.argv[1]).resolve()
sys.path[:0] = [str(here), str(folder)]
runner = get_runner("icarus")
runner.build(
    sources=[folder / "endpoint.v", here / "bench.v"],
    hdl_toplevel="bench",
    build_dir=folder / "build",
    timescale=("1ns", "1ps"),
    build_args=["-g2012"],
    always=True,
)
results = runner.test(
    test_module="endpoint",
    hdl_toplevel="bench",
    build_dir=folder / "build",
    test_dir=folder,
    extra_env={"PYTHONPATH": f"{here}:{folder}"},
)
ran, failed = get_results(results)
print(f"{ran} tests ran, {failed} failed")
sys.exit(ran == 0 or failed > 0)
