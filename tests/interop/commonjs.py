"""Makes one script for a page of a CommonJS package, whose authors ship no bundle of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.interop.browser import package_file

__all__ = ["bundle"]

_REQUIRE = re.compile(r"""\brequire\(\s*(['"])([^'"]+)\1\s*\)""")

_RUNTIME = """
const %(name)s = (() => {
  const sources = {%(modules)s};
  const links = %(links)s;
  const loaded = {};
  const load = (path) => {
    if (!loaded[path]) {
      loaded[path] = { exports: {} };
      sources[path](loaded[path], loaded[path].exports, (name) => load(links[path][name]));
    }
    return loaded[path].exports;
  };
  return load(%(entry)s);
})();
"""


def bundle(package: str, name: str) -> str:
    """A script that binds the exports of an installed npm package to the global constant `name`.

    Raises:
        Missing: the package, or one that it requires, is not installed.
    """
    entry = _entry(package)
    sources: dict[str, str] = {}
    links: dict[str, dict[str, str]] = {}
    todo = [entry]
    while todo:
        path = todo.pop()
        if str(path) in sources:
            continue
        text = path.read_text(encoding="utf-8")
        sources[str(path)] = f"module.exports = {text}" if path.suffix == ".json" else text
        found = {wanted: _resolve(wanted, path) for _, wanted in _REQUIRE.findall(text) if path.suffix != ".json"}
        links[str(path)] = {wanted: str(target) for wanted, target in found.items()}
        todo.extend(found.values())
    modules = ",".join(
        f"{json.dumps(path)}: function (module, exports, require) {{\n{text}\n}}" for path, text in sources.items()
    )
    return _RUNTIME % {"name": name, "modules": modules, "links": json.dumps(links), "entry": json.dumps(str(entry))}


def _entry(package: str) -> Path:
    about = json.loads(package_file(f"{package}/package.json").read_text(encoding="utf-8"))
    browser = about.get("browser")
    return _file(package_file(package) / (browser if isinstance(browser, str) else about.get("main", "index.js")))


def _resolve(wanted: str, source: Path) -> Path:
    return _file((source.parent / wanted).resolve()) if wanted.startswith(".") else _entry(wanted)


def _file(path: Path) -> Path:
    candidates = (path, Path(f"{path}.js"), path / "index.js")
    return next(candidate for candidate in candidates if candidate.is_file())
