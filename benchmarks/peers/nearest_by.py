"""Run by .venv-spark43: seconds of nearestByJoin of a.npy's rows with b.npy's, as JSON."""

import json
import sys
import time

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

lost, found, top = np.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()


def frame(rows: np.ndarray, name: str):
    pandas = pd.DataFrame({name: range(len(rows)), f"{name}_v": list(rows)})
    schema = f"{name} long, {name}_v array<float>"
    out = spark.createDataFrame(pandas, schema).repartition(2).cache()
    out.count()
    return out


left, right = frame(lost, "l"), frame(found, "f")
score = F.vector_inner_product("l_v", "f_v")
start = time.perf_counter()
left.nearestByJoin(
    right, score, numResults=top, joinType="inner", mode="exact", direction="similarity"
).select("l", "f").collect()
near = time.perf_counter() - start
start = time.perf_counter()
left.crossJoin(right).groupBy("l").agg(F.max_by("f", score)).collect()
cross = time.perf_counter() - start
print(json.dumps({"nearestByJoin": near, "crossJoin": cross}))
spark.stop()
