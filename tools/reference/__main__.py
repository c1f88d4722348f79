"""`python -m tools.reference`, run in the repository: writes the pages."""

import sys
from pathlib import Path

from tools.reference import PAGES

for name, make in PAGES.items():
    path = Path("docs") / name
    path.write_text(make(), encoding="utf-8")
    sys.stdout.write(f"{path}\n")
