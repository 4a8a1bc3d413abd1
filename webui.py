"""`python webui.py`: open the workbench in the browser; the same as `workbench ui`."""

import sys

from workbench.cli import main

if __name__ == "__main__":
    main(["ui", *sys.argv[1:]])
