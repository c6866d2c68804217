"""The training loop: AdamW on a cosine, a moving average of the weights, checkpoints, a curve.

A loss is a function of the step alone, so that a run cut off and started again goes on from its
last checkpoint as if nothing had been.
"""

import argparse
import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

WARM_UP = 0.05  # of the steps
CHECKPOINT_EVERY = 250


def digest(*parts: bytes) -> str:
    """12 hex digits of what a run depends on."""
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:12]


def fit(
    net: nn.Module,
    loss_at: Callable[[int], torch.Tensor],
    out: Path,
    tok: Tokenizer | None,
    *,
    run: str,
    steps: int,
    peak: float,
    smoothing: float = 0.998,
) -> None:
    """Minimise loss_at(step); `out` holds the averaged weights, the curve lies beside it as CSV.

    run: what the result depends on; a checkpoint of another run is refused, not gone on from.
    """
    run = f"{run}, {steps} steps"
    average = {k: v.clone() for k, v in net.state_dict().items()}
    free = [p for p in net.parameters() if p.requires_grad]
    decay = [p for p in free if p.ndim > 1]
    rest = [p for p in free if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        lr=peak,
        betas=(0.9, 0.98),
    )
    first = 0
    if out.exists():
        saved = torch.load(out, weights_only=True)
        if saved["run"] != run:
            raise SystemExit(f"{out} is of another run ({saved['run']}, not {run}): remove it")
        average, first = saved["state"], saved["step"]
        net.load_state_dict(saved["raw"])
        optimiser.load_state_dict(saved["optimiser"])
        print(f"goes on from step {first} of {out}", flush=True)
    else:
        out.with_suffix(".csv").write_text("step,loss\n", encoding="utf-8")
    start, seen = time.time(), 0.0
    for step in range(first, steps):
        rate = (
            peak
            * min(1, (step + 1) / (WARM_UP * steps))
            * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = loss_at(step)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        keep = min(smoothing, (step + 1) / (step + 10))
        for k, v in net.state_dict().items():
            if v.is_floating_point():
                average[k].lerp_(v, 1 - keep)
            else:
                average[k].copy_(v)
        done = step + 1
        seen = 0.98 * seen + 0.02 * loss.item()
        if done % 50 == 0:
            smooth = seen / (1 - 0.98 ** (done - first))
            print(f"{done} {smooth:.3f} {time.time() - start:.0f}s", flush=True)
            with out.with_suffix(".csv").open("a", encoding="utf-8") as curve:
                curve.write(f"{done},{smooth:.4f}\n")
        if done % CHECKPOINT_EVERY == 0 or done == steps:
            part = out.with_suffix(".part")
            torch.save(
                {
                    "state": average,
                    "raw": net.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "tokenizer": tok.to_str() if tok else "",
                    "step": done,
                    "run": run,
                },
                part,
            )
            part.replace(out)


def knobs(what: str | None, steps: int, *others: str) -> argparse.Namespace:
    """A run's flags: what it reads, where it writes, how long; threads are set."""
    parser = argparse.ArgumentParser(description=what)
    for name in others:
        parser.add_argument(name, type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    out = parser.parse_args()
    torch.set_num_threads(out.threads)
    torch.set_flush_denormal(True)
    return out
