"""python3 -m coordinator PROGRAM: runs one program of the pipeline."""

import importlib
import sys

PROGRAMS = ("init_db", "predict", "score", "report")

if len(sys.argv) != 2 or sys.argv[1] not in PROGRAMS:
    sys.exit(f"usage: coordinator {'|'.join(PROGRAMS)}")
importlib.import_module(f"coordinator.{sys.argv[1]}").main()
