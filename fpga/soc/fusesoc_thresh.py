"""Generator of FuseSoC: emits the Verilog of an engine, and the core that holds it."""

import json
import subprocess
import sys
from pathlib import Path

# FuseSoC gives the parameters as YAML, of which JSON is a part; it brings the reader along.
import yaml


def main(path):
    asked = yaml.safe_load(Path(path).read_text())
    config = asked.get("parameters", {}).get("config", "ulx3s-25f")
    file = "wishbone_engine.v"
    try:
        subprocess.run(["thresh", "verilog", "--config", config, "--wishbone", "-o", file], check=True)
    except FileNotFoundError:
        sys.exit("fusesoc_thresh.py: no program thresh in PATH; build it with `cargo install --path host/cli`")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    core = {
        "name": asked["vlnv"],
        "filesets": {"rtl": {"files": [file], "file_type": "verilogSource"}},
        "targets": {"default": {"filesets": ["rtl"]}},
    }
    Path(asked["vlnv"].replace(":", "_") + ".core").write_text("CAPI=2:\n" + json.dumps(core, indent=2) + "\n")


if len(sys.argv) != 2:
    sys.exit("usage: fusesoc_thresh.py PARAMETERS.yml, as FuseSoC calls it")
main(sys.argv[1])
