"""A black-box audit: from draws on neighbouring inputs, how much is given away at least?

An event is chosen on one half of the draws and its probabilities bounded on the other (Clopper and
Pearson, at a risk of one in ten million each), so a sound mechanism fails by chance below once in a
million runs. The method is that of Jagielski, Ullman & Oprea, "Auditing differentially private
machine learning", NeurIPS 2020, with a one-sided test of each direction.
"""

import numpy as np
from scipy.stats import beta

RISK = 1e-7


def probability(hits, draws):
    """Lower and upper bound of the probabilities of events."""
    hits = np.asarray(hits)
    lower = np.where(hits > 0, beta.ppf(RISK, np.maximum(hits, 1), draws - hits + 1), 0.0)
    upper = np.where(hits < draws, beta.ppf(1 - RISK, hits + 1, np.maximum(draws - hits, 1)), 1.0)
    return lower, upper


def audited_epsilon(one, other, delta=0.0):
    """A lower bound on epsilon at this delta, from draws of a number on neighbouring inputs."""
    half = len(one) // 2

    def given_away(first, second, cuts):
        """By the events that a draw is at or above a cut."""
        lower, _ = probability([(first >= cut).sum() for cut in cuts], half)
        _, upper = probability([(second >= cut).sum() for cut in cuts], half)
        return np.log(np.maximum(lower - delta, 1e-300) / upper)

    best = 0.0
    for sign in (1, -1):
        for first, second in ((sign * one, sign * other), (sign * other, sign * one)):
            cuts = np.unique(np.quantile(first[:half], np.linspace(0.02, 0.98, 49)))
            cut = cuts[int(np.argmax(given_away(first[:half], second[:half], cuts)))]
            best = max(best, float(given_away(first[half:], second[half:], [cut])[0]))
    return best
