"""The published recipe for jets of 27 variables in plain PyTorch, as a peer: trains, and prints a line of JSON.

    python -m benchmarks.torch_columns ROWS.npz OUT.npy --latents 14 --epochs 100

n-200-200-200-k-200-200-200-n, batch norm and leaky ReLU behind every layer but the last, MSE, AdamW, one-cycle policy
with fastai's numbers, no weight decay for batch norm. Rows come normalized, as the recipe has them; splits are ours.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn


def network(n_columns: int, n_latent: int) -> nn.Sequential:
    """Build it; batch norm and activation stand behind the latent, too."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise((n_columns, 200, 200, 200, n_latent, 200, 200, 200, n_columns)):
        layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-2])


def encoder_speed(net: nn.Sequential, rows: torch.Tensor) -> float:
    """Measure how many rows a second its encoder does, in batches of 4096 on one thread: the best of 20 rounds."""
    encoder, batch = net[:12], rows[:4096]
    rates = []
    with torch.inference_mode():
        for _ in range(20):
            started = time.perf_counter()
            encoder(batch)
            rates.append(len(batch) / (time.perf_counter() - started))
    return max(rates)


def main() -> None:
    """Train and print the figures."""
    parser = argparse.ArgumentParser(description="Train the published recipe of 27 variables with PyTorch.")
    parser.add_argument("rows", type=Path, help="train, validation and test, normalized")
    parser.add_argument("out", type=Path, help="the rows of the test split as they come back")
    parser.add_argument("--latents", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--peak", type=float, default=1e-2, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    with np.load(args.rows) as file:
        train, validation, test = (torch.tensor(file[name]) for name in ("train", "validation", "test"))
    net, steps = network(train.shape[1], args.latents), len(train) // args.batch
    of_batch_norm = {id(p) for layer in net if isinstance(layer, nn.BatchNorm1d) for p in layer.parameters()}
    groups = [
        {"params": [p for p in net.parameters() if id(p) not in of_batch_norm], "weight_decay": 1e-2},
        {"params": [p for p in net.parameters() if id(p) in of_batch_norm], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.95, 0.99))
    policy = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.peak, total_steps=args.epochs * steps, pct_start=0.3, div_factor=25, final_div_factor=1e4,
        base_momentum=0.85, max_momentum=0.95,
    )  # fmt: skip
    loss_of, times = nn.MSELoss(), [time.process_time()]
    for _ in range(args.epochs):
        order = torch.randperm(len(train))
        for step in range(steps):
            batch = train[order[step * args.batch : (step + 1) * args.batch]]
            loss = loss_of(net(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            policy.step()
        times.append(time.process_time())
    net.eval()
    with torch.no_grad():
        np.save(args.out, net(test).numpy())
        figures = {
            "validation": loss_of(net(validation), validation).item(),
            "cpu_seconds": times[-1] - times[0],
            "fastest_epoch": min(after - before for before, after in pairwise(times)),
        }
    n_parameters = sum(w.numel() for w in net.parameters())
    print(json.dumps({**figures, "n_parameters": n_parameters, "encoder_per_second": encoder_speed(net, test)}))


if __name__ == "__main__":
    main()
