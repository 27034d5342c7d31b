"""How things look in a notebook: small tables that follow its theme, with all that comes from elsewhere escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sliceflow._info import JobInfo, ServerInfo
    from sliceflow.datasets import Dataset
    from sliceflow.events import Step
    from sliceflow.result import Result


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th><td style="text-align:left">{value}</td></tr>' for name, value in rows
    )
    return f"<table><caption>{html.escape(title)}</caption>{cells}</table>"


def _code(value: object) -> str:
    return f"<code>{html.escape(str(value))}</code>"


def _bar(done: int, total: int) -> str:
    return f'<progress value="{done}" max="{max(total, 1)}"></progress> {done} of {total} steps'


def _metrics(step: Step) -> str:
    return ", ".join(f"{html.escape(name)} {metric.value:.4g} ± {metric.standard_error:.2g}" for name, metric in step.metrics.items())


def job(info: JobInfo) -> str:
    spec = info.spec
    rows = [
        ("name", _code(info.name)),
        ("state", html.escape(info.state.value)),
        *([("device", _code(info.run_device))] if info.run_device else []),
        ("progress", _bar(info.completed_steps, info.total_steps)),
        ("functional", _code(spec.functional)),
        ("solver", _code(spec.solver)),
        ("model", _code(spec.model)),
    ]
    if info.last_step is not None:
        rows.append(("energy", f"{info.last_step.energy:.6g} ± {info.last_step.energy_standard_error:.2g}"))
        if info.last_step.metrics:
            rows.append(("metrics", _metrics(info.last_step)))
    if info.error is not None:
        rows.append(("error", html.escape(info.error.message)))
    return _table(info.display_name or info.name, rows)


def result(found: Result) -> str:
    head = (
        "<tr>"
        + "".join(f"<th>{name}</th>" for name in ("step", "Wasserstein time", "energy", "distance²", "converged", "metrics"))
        + "</tr>"
    )
    rows = "".join(
        f"<tr><td>{s.step}</td><td>{s.wasserstein_time:.4g}</td><td>{s.energy:.6g}</td><td>{s.distance_squared:.4g}</td>"
        f"<td>{'yes' if s.converged else 'no'}</td><td>{_metrics(s)}</td></tr>"
        for s in _few(found.steps)
    )
    note = f"<p>{len(found.steps)} steps; some in between are not shown.</p>" if len(found.steps) > 12 else ""
    return f"{job(found.info)}<table>{head}{rows}</table>{note}"


def _few(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return steps if len(steps) <= 12 else steps[:6] + steps[-6:]


def dataset(data: Dataset) -> str:
    rows = [("name", _code(data.name)), ("rows × columns", f"{data.rows} × {data.columns}"), ("size", f"{data.size_bytes} bytes")]
    if data.label_values:
        rows.append(("labels", _code(list(data.label_values))))
    return _table(data.display_name or data.name, rows)


def server(info: ServerInfo) -> str:
    devices = [(f"device {d.name}", f"{d.threads} threads, {'healthy' if d.healthy else html.escape(d.problem)}") for d in info.devices]
    kinds = [(name.replace("_", " "), _names(kinds)) for name, kinds in info.kinds.items()]
    return _table(f"sliceflow {info.version}", [("owner", html.escape(info.owner or "anyone")), ("role", info.role), *devices, *kinds])


def _names(kinds: Mapping[str, str]) -> str:
    return ", ".join(f'<span title="{html.escape(words)}">{html.escape(name)}</span>' for name, words in kinds.items())
