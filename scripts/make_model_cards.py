"""Write the model cards of the shipped exports, `exports/PRESET.md`, from the figures that lie beside the models.

`python scripts/make_model_cards.py`, after `scripts/make_exports.py`. `tests/test_exports.py` compares the cards with
what this writes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
USES = {
    "folded": """Three float32 for a jet that come back as four with no variable lost: phi is rounded to one of 2^14
cells, and the mass stands in the remaining bits of the same number. For records of jets that all have one size.""",
    "kinematic": """Three smooth numbers for a jet: pt, eta and phi nearly exact, E as the mean that they allow. For
triggers, for latent spaces that are looked at, and as a start of further training.""",
}
LIMITS = {
    "folded": """- No gain in bits by itself: three float32 are 96 bits; [codes](../docs/rate_distortion.md) take fewer.
- The third number is no smooth function of the jet: no averages, no noise, no half precision, no quantization of it.
- A jet far outside of the training data has an error of E up to 1 % for rho up to 1 and 3 % up to 2.""",
    "kinematic": """- The mass of a jet is lost: what comes back is about the mean at its pt and eta.
- 8-bit files (`*.int8.tflite`) are calibrated on jets like those of the training; elsewhere E errs by up to
  {int8:.0%}.""",
}
CARD = """# Model card: {preset}

{use}

| | |
| --- | --- |
| input | jets, float32: {columns} |
| output | {n_latent} float32, and the jets back |
| parameters | {n_parameters:,} |
| fingerprint | `{fingerprint:.16}…` |
| made by | `python scripts/make_exports.py`, with {versions} |
| license | MIT |

## Data

{n_jets:,} jets in {n_events:,} events of `{data}` (sha256 `{sha:.16}…`): {generator}, QCD at 13 TeV,
{clustering}; {selection}.
No collision data, no detector, no pile-up. Split by event; {epochs} epochs in {seconds:.1f} s with seed {seed}.

## Errors

Of the {n_test:,} jets of the test split, from `{preset}/run/metrics.json`; those of E, pt and masses are relative:

| | mean | 95 % | 99 % | max | bias |
| --- | --- | --- | --- | --- | --- |
{errors}

The formula E = sqrt(p^2 + (c pt)^2), which keeps pt, eta and phi and needs no training, has a mean error of E of
{formula:.2g}; {spacelike}. `{preset}/manifest.json` says how far each file is from the Keras model, on this split and
on {n_extreme:,} extreme jets.

## Limits

{limits}
- Trained on jets of pt from {low:.0f} to {high:.0f} GeV and |eta| below {eta:.1f}. A run that you train on your
  jets has a report that says how they differ.
- Energies in MeV. A latent is of use to decoders of the same fingerprint alone.
- Not made for decisions about collisions without an evaluation on the data that it will see.
"""


def _errors(metrics: dict[str, Any]) -> str:
    figures = {**metrics["test"], "jet mass": metrics["mass"], "dijet mass": metrics["dijet_mass"]}
    names = ("mean_abs", "p95", "p99", "max", "bias")
    return "\n".join(
        f"| {name} | " + " | ".join(f"{found[key]:.2g}" for key in names) + " |" for name, found in figures.items()
    )


def _worst(manifest: dict[str, Any], name: str) -> float:
    """Return the largest relative error of E of an export beside Keras, over extreme jets; NaN without such a file."""
    parity = [export["parity"]["extreme"] for export in manifest["exports"] if export["name"] == name]
    return max((found["from_keras"]["max"]["E"] for part in parity for found in part.values()), default=math.nan)


def card(preset: str) -> str:
    """Return the model card of a shipped preset: Markdown."""
    folder = ROOT / "exports" / preset
    manifest, metrics = (json.loads((folder / name).read_text()) for name in ("manifest.json", "run/metrics.json"))
    sample = json.loads((ROOT / "atlas_keras" / "data" / "sample" / "provenance.json").read_text())
    columns = ", ".join(name if unit == "1" else f"{name} [{unit}]" for name, unit in manifest["units"].items())
    shift = metrics["distribution_shift"]["variables"]
    after = metrics["spacelike_fraction"]
    return CARD.format(
        preset=preset,
        use=USES[preset],
        limits=LIMITS[preset].format(int8=_worst(manifest, "autoencoder.int8.tflite")),
        columns=columns,
        n_latent=manifest["n_latent"],
        n_parameters=metrics["n_parameters"],
        fingerprint=manifest["fingerprint"],
        versions=", ".join(f"{name} {version}" for name, version in metrics["versions"].items()),
        n_jets=sum(metrics["n_jets"].values()),
        n_events=sum(metrics["n_events"].values()),
        data=metrics["data_files"][0]["name"],
        sha=metrics["data_sha256"],
        generator=f"{sample['generator'].partition(' (')[0]} {sample['generator_version']}",
        clustering=sample["clustering"],
        selection=sample["selection"],
        epochs=metrics["epochs"],
        seconds=metrics["train_seconds"],
        seed=metrics["seed"],
        n_test=metrics["n_jets"]["test"],
        errors=_errors(metrics),
        formula=metrics["baselines"]["constant_mass"]["test"]["E"]["mean_abs"],
        spacelike="no jet comes back spacelike" if after == 0 else f"{after:.2%} of the jets come back spacelike",
        n_extreme=manifest["parity_data"]["n_jets"]["extreme"],
        low=shift["pt"]["training_low"] / 1e3,
        high=shift["pt"]["training_high"] / 1e3,
        eta=max(abs(shift["eta"]["training_low"]), abs(shift["eta"]["training_high"])),
    )


def write_cards() -> None:
    """Write the card of every preset that has exports."""
    for preset in USES:
        (ROOT / "exports" / f"{preset}.md").write_text(card(preset), encoding="utf-8")


def main() -> int:
    """Write the cards."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    write_cards()
    return 0


if __name__ == "__main__":
    sys.exit(main())
