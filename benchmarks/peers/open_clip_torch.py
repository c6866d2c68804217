"""open_clip in torch, in the torch environment: `python open_clip_torch.py THREADS PHOTO...`.

Its own loading: Pillow and its transform in worker processes ahead of the model, as its training
and evaluation do. Prints a line `ready`, then for each line on stdin the seconds of one run.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import open_clip
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Photos(Dataset):  # type: ignore[misc]  # torch is not here when this is checked
    def __init__(self, paths: Sequence[str], transform: Callable[[Image.Image], Any]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Any:
        return self.transform(Image.open(self.paths[i]))


if __name__ == "__main__":
    threads, paths = int(sys.argv[1]), sys.argv[2:]
    torch.set_num_threads(threads)
    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    model.eval()
    loader = DataLoader(
        Photos(paths, transform), batch_size=8, num_workers=1, persistent_workers=True
    )
    with torch.inference_mode():
        list(map(model.encode_image, loader))
        print("ready", flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            list(map(model.encode_image, loader))
            print(time.perf_counter() - start, flush=True)
