"""CLIP: photos and words become unit vectors. Knows no table and no Spark."""
