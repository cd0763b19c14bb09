"""The report of a run: one HTML file with its figures as tables and its pictures embedded, nothing from the network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.published import NOTEBOOK_FIGURES

CAPTIONS = {
    "loss": "Loss of training and validation in normalised space, and the learning rate of the one-cycle policy.",
    "learning_rates": "The learning-rate finder: loss of each batch while the rate rises, and both suggestions.",
    "residuals": "Residuals on the test split: relative for E and pt, absolute for eta and phi (wrapped at pi).",
    "distributions": "The variables before and after on the test split; the band is the statistical error.",
    "mass": "The jet mass before and after on the test split.",
}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
figure { margin: 2rem 0; }
img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
figcaption { opacity: .8; }
pre { overflow-x: auto; background: #8882; padding: .8rem; border-radius: 4px; }
"""


def write_report(path: Path, metrics: Mapping[str, Any], config: Mapping[str, Any], plots: Path) -> None:
    """Write the report.

    Args:
        path: of the HTML file.
        metrics: as in `metrics.json`.
        config: as in `config.json`.
        plots: folder with the pictures; those with a caption are shown.
    """
    preset = html.escape(str(config["model"]["preset"]))
    n = metrics["n_jets"]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>atlas_keras: {preset}</title><style>{STYLE}</style>",
        f"<h1>Autoencoder <code>{preset}</code></h1>",
        f"<p>{metrics['n_parameters']:,} parameters, {metrics['epochs']} epochs in {metrics['train_seconds']:.1f} s; "
        f"{n['train']:,} jets for training, {n['validation']:,} for validation, {n['test']:,} for the test below. "
        f"Data: {html.escape(', '.join(f['name'] for f in metrics['data_files']))} "
        f"(sha256 <code>{metrics['data_sha256'][:16]}</code>).</p>",
        "<h2>Errors on the test split</h2>",
        _residual_table(metrics),
        "<h2>Beside one line of NumPy</h2>",
        "<p>The baselines keep pt, eta and phi exactly and guess E. MSE by the published formula.</p>",
        _baseline_table(metrics),
        "<h2>The published figures by their own formula</h2>",
        "<p>These undo the logarithm but not the min-max scaling, so they are no physical errors.</p>",
        _published_table(metrics),
        "<h2>Pictures</h2>",
        *(_figure(plots / f"{name}.png", caption) for name, caption in CAPTIONS.items()),
        "<h2>How to get it again</h2>",
        f"<p><code>python -m atlas_keras.train --config config.json</code>, versions: "
        f"{html.escape(', '.join(f'{k} {v}' for k, v in metrics['versions'].items()))}.</p>",
        f"<pre>{html.escape(json.dumps(config, indent=2))}</pre></html>",
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = ["<tr>" + "".join(f"<th>{html.escape(h)}</th>" for h in head) + "</tr>"]
    cells += ["<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows]
    return f"<div class='wide'><table>{''.join(cells)}</table></div>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2e}"


def _residual_table(metrics: Mapping[str, Any]) -> str:
    keys = ("mean_abs", "median_abs", "rms", "p68", "p95", "p99", "max", "bias")
    head = ["", "mean |r|", "median |r|", "RMS", "68 %", "95 %", "99 %", "max", "bias"]
    names = {"E": "E, relative", "pt": "pt, relative", "eta": "eta", "phi": "phi [rad]"}
    rows = [[label, *(_number(metrics["test"][name][key]) for key in keys)] for name, label in names.items()]
    for name, label in (("mass", "jet mass, relative"), ("dijet_mass", "dijet mass, relative")):
        rows.append([label, *(_number(metrics[name][key]) for key in keys)])
    return _table(head, rows)


def _baseline_table(metrics: Mapping[str, Any]) -> str:
    head = ["", "MSE", "mean |dE/E|", "mean |dpt/pt|", "median mass error", "spacelike jets"]
    entries = [("this model", metrics), *((b["formula"], b) for b in metrics["baselines"].values())]
    return _table(
        head,
        [
            [
                label,
                _number(m["published"]["mse"]),
                _number(m["test"]["E"]["mean_abs"]),
                _number(m["test"]["pt"]["mean_abs"]),
                _number(m["mass"]["median_abs"]),
                f"{100 * m['spacelike_fraction']:.2f} %",
            ]
            for label, m in entries
        ],
    )


def _published_table(metrics: Mapping[str, Any]) -> str:
    keys = ("mse", "E", "pt", "eta", "phi")
    rows = [
        ["this model, test split", *(_number(metrics["published"][key]) for key in keys)],
        ["the notebooks, validation", *(_number(NOTEBOOK_FIGURES[key]) for key in keys)],
    ]
    return _table(["", "MSE", "E", "pt", "eta", "phi"], rows)


def _figure(path: Path, caption: str) -> str:
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    return f"<figure><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"
