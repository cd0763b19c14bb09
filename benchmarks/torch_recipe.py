"""The published recipe in plain PyTorch, as a peer: a process that trains it and prints one line of JSON.

    python -m benchmarks.torch_recipe FILE --seed 0

Network, loss, one-cycle policy with momentum and AdamW have fastai's numbers; the loss of the validation split is
computed after every epoch, as fastai does. Jets, split by event and the published formula are those of atlas_keras.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from atlas_keras.config import DataConfig
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import collect, split_events
from atlas_keras.evaluation.published_figures import PublishedSpace

EPOCHS, BATCH, PEAK = 150, 256, 4.8e-3


def network() -> nn.Sequential:
    """4-200-200-20-3-20-200-200-4, tanh behind every layer but the last; the one behind the latent included."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise((4, 200, 200, 20, 3, 20, 200, 200, 4)):
        layers += [nn.Linear(n_in, n_out), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def main() -> None:
    """Train and print the figures."""
    parser = argparse.ArgumentParser(description="Train the published recipe with PyTorch.")
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reconstructed", metavar="FILE", help="write the test split's jets as they come back, .npy")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    table = collect(read_events([args.file]))
    space = PublishedSpace.of(table.jets, table.collection)
    splits = {
        name: torch.tensor(space.coordinates(part.jets), dtype=torch.float32)
        for name, part in split_events(table, DataConfig(), args.seed).items()
    }
    train, validation = splits["train"], splits["validation"]
    net, steps = network(), len(train) // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.95, 0.99), eps=1e-5, weight_decay=1e-6)
    policy = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK, total_steps=EPOCHS * steps, pct_start=0.25, div_factor=25, final_div_factor=1e5 / 25
    )
    loss_of = nn.MSELoss()
    started, history = time.perf_counter(), []
    for _ in range(EPOCHS):
        order = torch.randperm(len(train))
        for step in range(steps):
            batch = train[order[step * BATCH : (step + 1) * BATCH]]
            loss = loss_of(net(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.step()
        with torch.no_grad():
            loss = loss_of(net(validation), validation).item()
        history.append((time.perf_counter() - started, loss))
    seconds = time.perf_counter() - started
    with torch.no_grad():
        test = net(splits["test"])
        mse = loss_of(test, splits["test"]).item()
    if args.reconstructed:
        jets = (test.numpy().astype(np.float64) * (space.high - space.low) + space.low) * [1, 1, 5, 3]
        jets[:, :2] = 10 ** jets[:, :2]
        np.save(args.reconstructed, jets)
    figures = {"mse": mse, "train_seconds": seconds, "n_parameters": sum(w.numel() for w in net.parameters())}
    print(json.dumps({**figures, "history": history}))


if __name__ == "__main__":
    main()
