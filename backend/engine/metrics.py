"""Counters of the engine, under Prisma's metric names, as `get_metrics` shows them.

Names, labels and buckets follow Prisma's query engine 5 (`query-engine-metrics`), which Prisma
Client Python's `Metrics` models describe.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BUCKETS = (0.0, 1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 50000.0)
"""Milliseconds."""

_DESCRIPTIONS = {
    "prisma_client_queries_total": "The total number of Prisma Client queries executed",
    "prisma_datasource_queries_total": "The total number of datasource queries executed",
    "prisma_client_queries_active": "The number of currently active Prisma Client queries",
    "prisma_client_queries_duration_histogram_ms": "The distribution of the time Prisma Client "
    "queries took to run end to end",
    "prisma_datasource_queries_duration_histogram_ms": "The distribution of the time datasource "
    "queries took to run",
    "prisma_pool_connections_open": "The number of pool connections currently open",
    "prisma_pool_connections_busy": "The number of pool connections currently executing datasource "
    "queries",
    "prisma_pool_connections_idle": "The number of pool connections that are not busy running a "
    "query",
}


@dataclass(slots=True)
class Histogram:
    sum: float = 0.0
    count: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))

    def observe(self, seconds: float) -> None:
        milliseconds = seconds * 1000
        self.sum += milliseconds
        self.count += 1
        self.counts[bisect_left(_BUCKETS, milliseconds)] += 1


@dataclass(slots=True)
class Metrics:
    queries_active: int = 0
    queries: Histogram = field(default_factory=Histogram)
    statements: Histogram = field(default_factory=Histogram)

    def as_json(self, pool: Mapping[str, float], labels: Mapping[str, str]) -> dict[str, Any]:
        """The shape of Prisma Client Python's `Metrics`; `pool` is `Driver.describe`."""
        return {
            "counters": [_entry(name, value, labels) for name, value in self._counters()],
            "gauges": [_entry(name, value, labels) for name, value in self._gauges(pool)],
            "histograms": [
                _entry(
                    name,
                    {
                        "sum": histogram.sum,
                        "count": histogram.count,
                        "buckets": list(zip(_BUCKETS, histogram.counts, strict=False)),
                    },
                    labels,
                )
                for name, histogram in self._histograms()
            ],
        }

    def as_prometheus(self, pool: Mapping[str, float], labels: Mapping[str, str]) -> str:
        """The text exposition format, version 0.0.4."""
        lines: list[str] = []
        for kind, samples in (("counter", self._counters()), ("gauge", self._gauges(pool))):
            for name, value in samples:
                lines += _head(name, kind)
                lines.append(f"{name}{_labels(labels)} {value:g}")
        for name, histogram in self._histograms():
            lines += _head(name, "histogram")
            total = 0
            for bound, count in zip(_BUCKETS, histogram.counts, strict=False):
                total += count
                lines.append(f"{name}_bucket{_labels({**labels, 'le': f'{bound:g}'})} {total}")
            lines.append(f"{name}_bucket{_labels({**labels, 'le': '+Inf'})} {histogram.count}")
            lines.append(f"{name}_sum{_labels(labels)} {histogram.sum}")
            lines.append(f"{name}_count{_labels(labels)} {histogram.count}")
        return "\n".join(lines) + "\n"

    def _counters(self) -> list[tuple[str, int]]:
        return [
            ("prisma_client_queries_total", self.queries.count),
            ("prisma_datasource_queries_total", self.statements.count),
        ]

    def _gauges(self, pool: Mapping[str, float]) -> list[tuple[str, float]]:
        gauges: list[tuple[str, float]] = [("prisma_client_queries_active", self.queries_active)]
        return gauges + [(f"prisma_pool_{name}", value) for name, value in pool.items()]

    def _histograms(self) -> list[tuple[str, Histogram]]:
        return [
            ("prisma_client_queries_duration_histogram_ms", self.queries),
            ("prisma_datasource_queries_duration_histogram_ms", self.statements),
        ]


def _entry(name: str, value: Any, labels: Mapping[str, str]) -> dict[str, Any]:
    description = _DESCRIPTIONS.get(name, "")
    return {"key": name, "value": value, "labels": dict(labels), "description": description}


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP {name} {_DESCRIPTIONS.get(name, '')}", f"# TYPE {name} {kind}"]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
