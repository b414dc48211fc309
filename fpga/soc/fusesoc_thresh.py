"""Generator of FuseSoC: emits the Verilog of an engine, and the core that holds it."""

import json
import re
import subprocess
import sys
from pathlib import Path


def main(path):
    # The parameters come as YAML, of which two plain lines matter: no reader of YAML need be installed for them.
    text = Path(path).read_text()
    asked = {key: re.search(rf"^ *{key}: *[\"']?([\w:.+-]+)", text, re.MULTILINE) for key in ("config", "vlnv")}
    if None in asked.values():
        sys.exit(f"fusesoc_thresh.py: {path} names no {' and no '.join(k for k, v in asked.items() if not v)}")
    config, vlnv = asked["config"][1], asked["vlnv"][1]
    file = "wishbone_engine.v"
    try:
        subprocess.run(["thresh", "verilog", "--config", config, "--wishbone", "-o", file], check=True)
    except FileNotFoundError:
        sys.exit("fusesoc_thresh.py: no program thresh in PATH; build it with `cargo install --path host/cli`")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    core = {
        "name": vlnv,
        "filesets": {"rtl": {"files": [file], "file_type": "verilogSource"}},
        "targets": {"default": {"filesets": ["rtl"]}},
    }
    Path(vlnv.replace(":", "_") + ".core").write_text("CAPI=2:\n" + json.dumps(core, indent=2) + "\n")


if len(sys.argv) != 2:
    sys.exit("usage: fusesoc_thresh.py PARAMETERS.yml, as FuseSoC calls it")
main(sys.argv[1])
