"""Logistic regression from a start: what pairs teach beyond what is known of them already."""

import numpy as np

from matching_spark.knn.similarity import Float64, Mask

STEPS = 50  # of Newton's method, which needs five to ten here
FREE = 1e9  # strength of a ridge that holds nothing
CLOSE = 1e-8  # of the loss: a smaller gain ends it


def logistic(
    columns: Float64, same: Mask, weight: Float64, start: Float64, strength: Float64
) -> tuple[Float64, float]:
    """Coefficients (c,) and an intercept by Newton's method, convex and so the only ones.

    Log-odds of row i are start[i] + intercept + columns[i] @ coefficients. columns: (n, c). same,
    weight, start: (n,). strength: (c + 1,) of the ridge, the intercept's last: 1 / (2 strength)
    times a coefficient's square, as sklearn's C; the variance that it is expected to have.
    """
    x = np.column_stack([columns, np.ones(len(columns))])
    ridge = 1 / strength
    sign = np.where(same, 1.0, -1.0)

    weighed = np.empty_like(x)  # once: a new one a step costs as much as the product

    def loss(of: Float64) -> tuple[Float64, float]:
        odds = start + x @ of
        return odds, float(weight @ np.logaddexp(0, -sign * odds) + ridge @ of**2 / 2)

    at = np.zeros(x.shape[1])
    odds, now = loss(at)
    for _ in range(STEPS):
        true = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        slope = x.T @ (weight * (true - same)) + ridge * at
        np.multiply(x, (weight * true * (1 - true))[:, None], out=weighed)
        bend = weighed.T @ x + np.diag(ridge)
        # Columns of a component sum to 1, as the intercept's: the floor keeps it solvable.
        step = np.linalg.solve(bend + 1e-9 * np.eye(len(at)), slope)
        pace = 1.0
        while (then := loss(at - pace * step))[1] > now and pace > 1e-6:
            pace /= 2
        if then[1] > now:
            break
        gain, at, (odds, now) = now - then[1], at - pace * step, then
        if gain < CLOSE * max(1.0, now):
            break
    return at[:-1], float(at[-1])
