"""The record files: digest, day, machine, versions."""

from __future__ import annotations

from collections import defaultdict

from ...evaluate.load import Source
from ..html import NONE, table, text
from ..numbers import Numbers

HEADING = "Where the numbers come from"
WORDS = (
    "Of a result that several files hold, the first counts; what only a later one measured, of the "
    "same bytes, is added."
)


def section(numbers: Numbers) -> str:
    """Return the list, and the READMEs beside files without headers."""
    sources = numbers.material.sources
    head = ["", "|left|file", "|left|SHA-256, begins", "records<br>used", "|left|measured",
            "|left|versions"]  # fmt: skip
    readmes: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        if source.readme:
            readmes[source.readme].append(source.letter)
    details = "".join(
        f"<details><summary>README.md beside {text(', '.join(letters))}</summary>"
        f"<pre>{text(readme)}</pre></details>"
        for readme, letters in readmes.items()
    )
    return table("Record files", head, map(_row, sources), classes="sources") + details


def _row(source: Source) -> list[str]:
    versions = {k: v for h in source.headers for k, v in h.get("versions", {}).items()}
    listed = ", ".join(f"{text(k)} {text(v)}" for k, v in versions.items())
    used = f"{source.used:,}" + ("" if source.used == source.count else f" of {source.count:,}")
    return [
        f'<b id="source-{source.letter}">{source.letter}</b>',
        f"|left|<code>{text(source.path)}</code>", f"|left|<code>{source.digest}</code>",
        used, f"|left wrap|{_measured(source)}", f"|left wrap|{listed or NONE}",
    ]  # fmt: skip


def _measured(source: Source) -> str:
    """Say when and on what machine, as the file's headers do; or what is known without."""
    if not source.headers:
        known = f"; file of {text(source.dated)}" if source.dated else ""
        where = "; the README.md beside it, below, says how" if source.readme else ""
        return f"the file does not say{known}{where}"
    lines = []
    for h in source.headers:
        how = ""
        if "jobs" in h:
            how = f"; {text(h['jobs'])} at a time"
        if "threads" in h:
            how += f", {text(h['threads'])} thread{'s' * (h['threads'] != 1)} each"
        said = f"{text(h['machine'])}, {text(h.get('system', ''))}{how}"
        lines.append(f"{text(h.get('measured', '?'))}: {said}")
    return "<br>".join(dict.fromkeys(lines))
