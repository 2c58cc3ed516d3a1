# SPDX-License-Identifier: Apache-2.0
"""Turns measurements into a table with ratios and verdicts. Pure: values in, values out."""

import statistics
from dataclasses import dataclass, field

from measure import Measurement

MIB = 1 << 20
MEMORY_LIMIT = 2048 * MIB
UNCHANGED_LIMIT = 1.0  # seconds

FULL, CHANGED, UNCHANGED, REPAIRED = "lapwing full", "lapwing changed", "lapwing unchanged", "lapwing repaired"

TITLES = {
    FULL: "lapwing, full build: disk and ISO",
    CHANGED: "lapwing, one configuration file changed",
    UNCHANGED: "lapwing, nothing changed",
    REPAIRED: "lapwing, nothing changed but a corrupted output",
    "mmdebstrap": "mmdebstrap, tar",
    "mmdebstrap-noinitrd": "mmdebstrap, tar, INITRD=No",
    "mkosi": "mkosi, disk",
    "live-build": "live-build, ISO",
}

# What is divided by what, and the most it may be; no limit where it is only told.
RATIOS = [
    (FULL, "mmdebstrap", 1.0),
    (FULL, "mmdebstrap-noinitrd", None),
    (FULL, "mkosi", 0.7),
    (FULL, "live-build", 0.25),
    (CHANGED, FULL, 0.25),
]


@dataclass
class Case:
    name: str
    runs: list[Measurement] = field(default_factory=list)
    bytes: int = 0

    @property
    def times(self) -> list[float]:
        return [run.seconds for run in self.runs]

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def peak_memory(self) -> int:
        return max(run.peak_memory for run in self.runs)


@dataclass
class Verdict:
    text: str
    value: float
    limit: float | None
    unit: str = ""

    @property
    def kept(self) -> bool:
        return self.limit is None or self.value <= self.limit

    @property
    def judgement(self) -> str:
        return "-" if self.limit is None else "kept" if self.kept else "MISSED"


def verdicts(cases: dict[str, Case]) -> list[Verdict]:
    found = []
    for one, other, limit in RATIOS:
        if one in cases and other in cases:
            value = cases[one].median / cases[other].median
            found.append(Verdict(f"{TITLES[one]} / {TITLES[other]}", value, limit, " x"))
    if UNCHANGED in cases:
        found.append(Verdict(TITLES[UNCHANGED], cases[UNCHANGED].median, UNCHANGED_LIMIT, " s"))
    ours = [case.peak_memory for name, case in cases.items() if name.startswith("lapwing")]
    if ours:
        found.append(Verdict("lapwing, peak memory", max(ours) / MIB, MEMORY_LIMIT / MIB, " MiB"))
    return found


def table(head: list[str], rows: list[list[str]], markdown: bool) -> str:
    """The first column is text, the others are numbers."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        return "| " + " | ".join(cells) + " |" if markdown else "  ".join(cells)

    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([line(head), *([rule] if markdown else []), *map(line, rows)])


def report(machine: dict[str, object], cases: dict[str, Case], markdown: bool) -> str:
    """The report for a person; with `markdown` the text to paste into README.md."""
    head = ["build", "min s", "median s", "max s", "CPU s", "peak MiB", "output MiB"]
    rows = [
        [
            TITLES[name],
            f"{min(case.times):.1f}",
            f"{case.median:.1f}" if case.median >= 1 else f"{case.median:.2f}",
            f"{max(case.times):.1f}",
            f"{max(run.cpu_seconds for run in case.runs):.1f}",
            f"{case.peak_memory / MIB:.0f}",
            f"{case.bytes / MIB:.0f}" if case.bytes else "-",
        ]
        for name, case in cases.items()
    ]
    judged = [
        [v.text, f"{v.value:.2f}{v.unit}", f"{v.limit:g}{v.unit}" if v.limit is not None else "-", v.judgement]
        for v in verdicts(cases)
    ]
    facts = (
        f"{machine['date']}; {machine['cores']} cores of {machine['cpu']}, {machine['memoryGiB']} GiB, "
        f"Linux {machine['kernel']}; {machine['packages']} packages; runs: {machine['runs']}; "
        f"warm: the .debs and {', '.join(machine['warm'])}; "
        + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    )
    parts = [facts, table(head, rows, markdown), table(["ratio of medians", "value", "limit", ""], judged, markdown)]
    return "\n\n".join(parts) + "\n"


def record(machine: dict[str, object], cases: dict[str, Case]) -> dict[str, object]:
    """The report for a program."""
    return {
        "schemaVersion": 1,
        "machine": machine,
        "builds": [
            {
                "name": name,
                "outputBytes": case.bytes,
                "runs": [
                    {
                        "seconds": round(run.seconds, 3),
                        "cpuSeconds": round(run.cpu_seconds, 3),
                        "peakMemoryBytes": run.peak_memory,
                    }
                    for run in case.runs
                ],
            }
            for name, case in cases.items()
        ],
        "verdicts": [
            {"text": v.text, "value": round(v.value, 4), "unit": v.unit.strip(), "limit": v.limit, "kept": v.kept}
            for v in verdicts(cases)
        ],
    }
