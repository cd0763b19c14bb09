"""What a search can minimize: figures of a trained model on the validation split, never on the test split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.evaluation.published_figures import PublishedSpace, published_figures
from atlas_keras.models.folded import mean_log_width
from atlas_keras.models.jet_autoencoder import TrainingSetup
from atlas_keras.models.prediction import predict
from atlas_keras.schema import Collection


def validation_figures(
    training_setup: TrainingSetup,
    jets: NDArray[np.float32],
    collection: Collection,
    rows: NDArray[np.float32],
    val_loss: float,
    space: PublishedSpace | None,
) -> dict[str, float]:
    """Compute the figures of a trained model that models of different losses can be compared by.

    Args:
        training_setup: trained.
        jets: validation split, shape `(n_jets, n_columns)`.
        collection: what the columns are.
        rows: the same, normalized.
        val_loss: loss on these rows.
        space: in which the published formula measures; its range must not come from the test split. None where the
            columns are others.

    Returns:
        `val_mse` by the published formula; `val_mass`, the mean relative error of the jet mass, where a jet has one;
        `val_density`, the mean of -ln(density of rho), where the model has one (preset `folded`).
    """
    x_hat = predict(training_setup.autoencoder, jets)
    figures: dict[str, float] = {}
    if space is not None:
        mse: Any = published_figures(jets, x_hat, space)["mse"]
        figures["val_mse"] = float(mse)
    before, after = Observables(jets, collection), Observables(x_hat, collection)
    if "mass" in before.all and np.isfinite(mass := residual(before, after, "mass")).any():
        figures["val_mass"] = float(np.nanmean(np.abs(mass)))
    edges = getattr(training_setup.loss, "edges", None)  # the bins of rho
    if edges is not None:
        figures["val_density"] = val_loss + mean_log_width(rows[:, 3], edges)
    return figures
