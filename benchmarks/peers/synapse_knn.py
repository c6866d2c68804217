"""Run by .venv-spark35: seconds of SynapseML's KNN, a broadcast ball tree, of two .npy, as JSON."""

import json
import sys
import time

import numpy as np
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession

PACKAGE = "com.microsoft.azure:synapseml-core_2.12:1.1.3"
lost, found, top = np.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "8g")
    .config("spark.jars.packages", PACKAGE)
    .getOrCreate()
)


def frame(rows: np.ndarray):
    out = spark.createDataFrame(
        [(i, row.tolist()) for i, row in enumerate(rows)], "id long, v array<float>"
    )
    out = out.select("id", array_to_vector("v").alias("features")).repartition(2).cache()
    out.count()
    return out


asked, there = frame(lost), frame(found)
start = time.perf_counter()
knn = spark._jvm.com.microsoft.azure.synapse.ml.nn.KNN("knn")
knn.setFeaturesCol("features").setValuesCol("id").setOutputCol("near").setK(top)
model = knn.fit(there._jdf)
build = time.perf_counter() - start
start = time.perf_counter()
rows = DataFrame(model.transform(asked._jdf), spark).select("id", "near.value").collect()
search = time.perf_counter() - start
truth = np.argsort(-(lost @ found.T), axis=1)[:, :top]
hits = sum(len({*row[1]} & {*truth[row[0]].tolist()}) for row in rows)
print(json.dumps({"build": build, "search": search, "recall": hits / truth.size}))
spark.stop()
