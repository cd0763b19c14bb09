"""The progress bar of a training: loss, learning rate, jets per second, time left; silent when not on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

import tqdm


class Progress:
    """A bar over the epochs.

    Args:
        epochs: how many there are.
        done: how many are done already.
        disable: True hides it, None hides it where stderr is no terminal.
    """

    def __init__(self, epochs: int, done: int, disable: bool | None = None) -> None:
        self.bar = tqdm.tqdm(
            total=epochs, initial=done, unit="epoch", desc="train", disable=disable, dynamic_ncols=True
        )

    def update(self, row: Mapping[str, float]) -> None:
        """Show an epoch's row of the history."""
        self.bar.set_postfix_str(
            f"loss {row['loss']:.3g}, validation {row['val_loss']:.3g}, "
            f"rate {row['learning_rate']:.2g}, {row['jets_per_second']:,.0f} jets/s",
            refresh=False,
        )
        self.bar.update()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.close()
