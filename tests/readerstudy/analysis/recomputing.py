"""
The figures of a study once more, from its exported tables alone: loops in plain Python, no `readerstudy.stats`.

Slow on purpose and close to the formulas: shares by the ratio estimator with Wilson's interval on the effective
sample size, areas by counting pairs with Obuchowski's variance, all else by leaving out one patient after another.
"""

import csv
import io
import math
from collections import defaultdict

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, t

NAN = math.nan


class Exported:
    """Reference, reads and predictions by finding and item, from the text of the exported files."""

    def __init__(self, files):
        self.patient, self.partition, self.centre = {}, {}, {}
        for row in csv.DictReader(io.StringIO(files["cases.csv"])):
            self.patient[row["case_id"]] = row["patient_id"]
            self.partition[row["case_id"]] = row["partition"]
            self.centre[row["case_id"]] = row["centre"]
        self.reference = defaultdict(dict)
        for row in csv.DictReader(io.StringIO(files["reference.csv"])):
            self.reference[row["finding"]][row["case_id"], row["structure"]] = _grade(row)
        self.reads, self.repeats = defaultdict(dict), defaultdict(dict)
        for row in csv.DictReader(io.StringIO(files["reads.csv"])):
            where = self.reads if row["occasion"] == "1" else self.repeats
            where[row["reader_id"], row["finding"]][row["case_id"], row["structure"]] = _grade(row)
        self.cooccurrence = {}  # scores by finding and cut, fitted once
        self.model = defaultdict(dict)
        for row in csv.DictReader(io.StringIO(files["predictions.csv"])):
            p = [float(row[name]) for name in row if name.startswith("p_") and row[name]]
            self.model[row["finding"]][row["case_id"], row["structure"]] = p

    def items(self, finding, partition="all", centre="all"):
        """Items of a state of the filters that have a reference grade."""
        wanted = None if partition == "all" else partition.split("+")
        return [
            key
            for key, grade in self.reference[finding].items()
            if grade >= 0
            and (wanted is None or self.partition[key[0]] in wanted)
            and (centre == "all" or self.centre[key[0]] == centre)
        ]

    def grade_of_model(self, finding, key):
        p = self.model[finding].get(key)
        return -1 if p is None else p.index(max(p))

    def grades(self, who, finding):
        """Grades of a reader, or of the model by its most probable grade."""
        if who == "model":
            return {key: self.grade_of_model(finding, key) for key in self.model[finding]}
        return self.reads[who, finding]


def _grade(row):
    return int(row["grade"]) if row["kind"] == "grade" else -2


def grouped(keys, patient):
    """Items by patient."""
    groups = defaultdict(list)
    for key in keys:
        groups[patient[key[0]]].append(key)
    return groups


def wilson(p, n, q):
    centre = (p + q * q / (2 * n)) / (1 + q * q / n)
    half = q / (1 + q * q / n) * math.sqrt(p * (1 - p) / n + q * q / (4 * n * n))
    return (0.0 if p == 0 else max(0.0, centre - half)), (1.0 if p == 1 else min(1.0, centre + half))


def share(keys, is_success, patient, confidence=0.95):
    """A share of items nested in patients: (value, low, high)."""
    groups = grouped(keys, patient)
    if not keys:
        return NAN, NAN, NAN
    m, n = len(groups), len(keys)
    x = {who: sum(bool(is_success(key)) for key in own) for who, own in groups.items()}
    p = sum(x.values()) / n
    if m < 2:
        return p, NAN, NAN
    q = t.ppf(0.5 + confidence / 2, m - 1)
    if p in (0.0, 1.0):
        return (p, *wilson(p, m, q))
    variance = m / (m - 1) * sum((x[who] - p * len(own)) ** 2 for who, own in groups.items()) / n**2
    if variance <= 1e-15:
        variance = p * (1 - p) / n
    return (p, *wilson(p, p * (1 - p) / variance, q))


def area(keys, diseased, score):
    """Share of pairs in which the diseased item scores higher, ties half."""
    ill, well = [k for k in keys if diseased(k)], [k for k in keys if not diseased(k)]
    if not ill or not well:
        return NAN
    x, y = np.array([score(k) for k in ill])[:, None], np.array([score(k) for k in well])[None, :]
    return float(((x > y) + (x == y) / 2).mean())


def obuchowski(keys, diseased, score, patient, confidence=0.95):
    """An area with the logit interval of Obuchowski's clustered variance: (value, low, high)."""
    ill, well = [k for k in keys if diseased(k)], [k for k in keys if not diseased(k)]
    a = area(keys, diseased, score)
    if math.isnan(a):
        return NAN, NAN, NAN
    x, y = np.array([score(k) for k in ill])[:, None], np.array([score(k) for k in well])[None, :]
    won = (x > y) + (x == y) / 2
    v10 = dict(zip(ill, won.mean(axis=1).tolist(), strict=True))
    v01 = dict(zip(well, won.mean(axis=0).tolist(), strict=True))
    people = {patient[k[0]] for k in keys}
    first = {who: sum(v10[k] - a for k in ill if patient[k[0]] == who) for who in people}
    second = {who: sum(v01[k] - a for k in well if patient[k[0]] == who) for who in people}
    with1, with0 = len({patient[k[0]] for k in ill}), len({patient[k[0]] for k in well})
    if with1 < 2 or with0 < 2:
        return a, NAN, NAN
    n1, n0, m = len(ill), len(well), len(people)
    s10 = with1 / ((with1 - 1) * n1) * sum(v * v for v in first.values())
    s01 = with0 / ((with0 - 1) * n0) * sum(v * v for v in second.values())
    s11 = m / (m - 1) * sum(first[who] * second[who] for who in people)
    variance = s10 / n1 + s01 / n0 + 2 * s11 / (n1 * n0)
    z = norm.ppf(0.5 + confidence / 2)
    if variance < 1e-15:
        # Perfect separation or all ties: Hanley and McNeil's variance at the continuity-corrected area, on patients.
        c = (a * with1 * with0 + 0.5) / (with1 * with0 + 1)
        q1, q2 = c / (2 - c), 2 * c * c / (1 + c)
        v = (c * (1 - c) + (with1 - 1) * (q1 - c * c) + (with0 - 1) * (q2 - c * c)) / (with1 * with0)
        low, high = _logit_interval(c, math.sqrt(v), z)
        return a, min(low, a), max(high, a)
    return (a, *_logit_interval(a, math.sqrt(variance), z))


def _logit_interval(a, se, z):
    centre, half = math.log(a / (1 - a)), z * se / (a * (1 - a))
    return tuple(1 / (1 + math.exp(-(centre + sign * half))) for sign in (-1, 1))


SCALES = {
    "identity": (lambda v: v, lambda v: v),
    "logit": (lambda v: math.log(v / (1 - v)) if 0 < v < 1 else math.inf, lambda v: 1 / (1 + math.exp(-v))),
    "arctanh": (lambda v: math.atanh(v) if abs(v) < 1 else math.inf, math.tanh),
}
SLOPES = {
    "identity": lambda v: 1.0,
    "logit": lambda v: 1 / (v * (1 - v)),
    "arctanh": lambda v: 1 / (1 - v * v),
}


def jackknife(statistic, people, scale, limits, confidence=0.95):
    """A statistic with the interval from leaving out one patient after another: (value, low, high)."""
    people = sorted(people)
    m = len(people)
    value = statistic(set(people)) if m else NAN
    if math.isnan(value):
        return NAN, NAN, NAN
    without = [statistic(set(people) - {who}) for who in people] if m > 1 else []
    if m < 2 or any(math.isnan(v) for v in without):
        return value, NAN, NAN

    def spread(values):
        mean = sum(values) / m
        return math.sqrt((m - 1) / m * sum((v - mean) ** 2 for v in values))

    se = spread(without)
    if se <= 1e-12:
        return value, value, value
    q = t.ppf(0.5 + confidence / 2, m - 1)
    there, back = SCALES[scale]
    carried = [there(v) for v in without]
    if not math.isfinite(there(value)):
        low, high = value - q * se, value + q * se
    elif all(map(math.isfinite, carried)):
        half = q * spread(carried)
        low, high = back(there(value) - half), back(there(value) + half)
    else:
        half = q * se * SLOPES[scale](value)
        low, high = back(there(value) - half), back(there(value) + half)
    return value, min(max(low, limits[0]), limits[1]), min(max(high, limits[0]), limits[1])


def kappa(first, second, n_grades):
    """Quadratic weighted kappa of two lists of grades."""
    n = len(first)
    if n == 0:
        return NAN
    seen = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / n
    shares = [[side.count(g) / n for g in range(n_grades)] for side in (first, second)]
    chance = sum((i - j) ** 2 * shares[0][i] * shares[1][j] for i in range(n_grades) for j in range(n_grades))
    return NAN if chance == 0 else 1 - seen / chance


class State:
    """One finding at one cut among some cases."""

    def __init__(self, data, finding, cut, n_grades, partition="all", centre="all", keep=lambda key: True):
        self.data, self.finding, self.cut, self.n_grades = data, finding, cut, n_grades
        self.keys = [key for key in data.items(finding, partition, centre) if keep(key)]
        self.reference = data.reference[finding]
        self.people = {data.patient[key[0]] for key in self.keys}

    def ill(self, key):
        return self.reference[key] >= self.cut

    def own(self, who):
        grades = self.data.grades(who, self.finding)
        return [key for key in self.keys if grades.get(key, -1) >= 0], grades

    def accuracy(self, who, measure):
        """One measure of a reader or the model at the cut."""
        keys, grades = self.own(who)

        def called(key):
            return grades[key] >= self.cut

        chosen = {
            "sensitivity": [k for k in keys if self.ill(k)],
            "specificity": [k for k in keys if not self.ill(k)],
            "ppv": [k for k in keys if called(k)],
            "npv": [k for k in keys if not called(k)],
            "accuracy": keys,
            "exact": keys,
        }
        right = {
            "exact": lambda k: grades[k] == self.reference[k],
        }.get(measure, lambda k: called(k) == self.ill(k))
        if measure in chosen:
            return share(chosen[measure], right, self.data.patient)
        if measure == "auc_on_grades":
            return obuchowski(keys, self.ill, lambda k: grades[k], self.data.patient)

        def f1(people):
            inside = [k for k in keys if self.data.patient[k[0]] in people]
            tp = sum(called(k) and self.ill(k) for k in inside)
            wrong = sum(called(k) != self.ill(k) for k in inside)
            return NAN if 2 * tp + wrong == 0 else 2 * tp / (2 * tp + wrong)

        return jackknife(f1, {self.data.patient[k[0]] for k in keys}, "logit", (0, 1))

    def _one(self, keys, grades, measure, people):
        inside = [k for k in keys if self.data.patient[k[0]] in people]
        if measure == "auc":
            return area(inside, self.ill, lambda k: grades[k])
        chosen = [k for k in inside if self.ill(k) == (measure == "sensitivity")]
        if not chosen:
            return NAN
        return sum((grades[k] >= self.cut) == self.ill(k) for k in chosen) / len(chosen)

    def mean_reader(self, readers, measure):
        own = [self.own(who) for who in readers]

        def statistic(people):
            return sum(self._one(*each, measure, people) for each in own) / len(own)

        return jackknife(statistic, self.people, "logit", (0, 1))

    def difference(self, readers, measure):
        """Model minus the mean reader, each pair on the items that both graded."""
        model_keys, model = self.own("model")
        pairs = []
        for who in readers:
            keys, grades = self.own(who)
            both = sorted(set(keys) & set(model_keys))
            pairs.append((both, grades))

        def statistic(people):
            parts = [
                self._one(both, model, measure, people) - self._one(both, grades, measure, people)
                for both, grades in pairs
            ]
            return sum(parts) / len(parts)

        return jackknife(statistic, self.people, "identity", (-1, 1))

    def score(self, key):
        return sum(self.data.model[self.finding][key][self.cut :])

    def agreement(self, first, second, keys, what):
        """Kappa or a share of equal grades of two dicts of grades."""
        both = [k for k in keys if first.get(k, -1) >= 0 and second.get(k, -1) >= 0]
        if what != "kappa":
            within = {"exact": 0, "within_one": 1}[what]
            return share(both, lambda k: abs(first[k] - second[k]) <= within, self.data.patient)

        def statistic(people):
            inside = [k for k in both if self.data.patient[k[0]] in people]
            return kappa([first[k] for k in inside], [second[k] for k in inside], self.n_grades)

        return jackknife(statistic, {self.data.patient[k[0]] for k in both}, "arctanh", (-1, 1))

    def brier(self):
        keys = [k for k in self.keys if k in self.data.model[self.finding]]
        groups = grouped(keys, self.data.patient)
        loss = {who: sum((self.score(k) - self.ill(k)) ** 2 for k in own) for who, own in groups.items()}
        n, m = len(keys), len(groups)
        value = sum(loss.values()) / n
        spread = sum((loss[who] - value * len(own)) ** 2 for who, own in groups.items())
        half = t.ppf(0.975, m - 1) * math.sqrt(m / (m - 1) * spread) / n
        return value, max(0.0, value - half), min(1.0, value + half)

    def cooccurrence(self, scales):
        """Area of a ridge regression on the other findings' grades, fitted by a general optimiser, five folds."""
        kept = self.data.cooccurrence
        if (self.finding, self.cut) not in kept:
            kept[self.finding, self.cut] = self._cooccurrence_scores(scales)
        scores = kept[self.finding, self.cut]
        inside = [k for k in self.keys if k in scores]
        return obuchowski(inside, self.ill, lambda k: scores[k], self.data.patient)

    def _cooccurrence_scores(self, scales):
        others = [name for name in scales if name != self.finding]
        every = self.data
        people = sorted(set(every.patient.values()))
        fold = {who: place % 5 for place, who in enumerate(people)}
        places = set.intersection(*(set(every.reference[name]) for name in others))
        known = [k for k in places if all(every.reference[name][k] >= 0 for name in others)]

        def columns(k):
            return [1.0] + [
                float(every.reference[name][k] == g) for name in others for g in range(1, scales[name])
            ]

        scores = {}
        for number in range(5):
            fitting = [
                k for k in known if fold[every.patient[k[0]]] != number and self.reference.get(k, -1) >= 0
            ]
            x = np.array([columns(k) for k in fitting])
            y = np.array([float(self.ill(k)) for k in fitting])

            def loss(beta, x=x, y=y):
                z = x @ beta
                penalty = np.concatenate(([0.0], beta[1:]))
                total = (np.logaddexp(0, z) - y * z).sum() + (penalty**2).sum() / 2
                return total, x.T @ (1 / (1 + np.exp(-z)) - y) + penalty

            start = [0.0] * len(columns(known[0]))
            beta = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x
            for k in known:
                if fold[every.patient[k[0]]] == number:
                    # Patterns that are alike must tie, however the optimiser rounds.
                    scores[k] = round(sum(b * v for b, v in zip(beta, columns(k), strict=True)), 6)
        return scores
