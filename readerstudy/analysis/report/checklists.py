"""
Reporting check lists, in our own short words: what the system knows is filled in, the rest is left open.

STARD-AI: Sounderajah V et al. Nat Med 2025;31:3283-3289. CLAIM: Tejani AS et al. Radiol Artif Intell
2024;6:e240300. GRRAS: Kottner J et al. J Clin Epidemiol 2011;64:96-106. The items here are a working list; the
published lists are what a journal asks for.
"""

from collections.abc import Mapping
from typing import Any

OPEN = "to be written by the authors"


def check_lists(facts: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """
    Return each list as (item, what stands for it).

    Parameters
    ----------
    facts : mapping
        From `contents.facts_of`.
    """
    return {
        "STARD-AI": [
            ("Registration and access to the protocol", facts["registration"]),
            ("Eligibility and exclusions", facts["exclusions"]),
            ("Where and when patients were enrolled; centres", facts["centres"]),
            ("Index test: model, version, digest", facts["model"]),
            ("How the model's output becomes a call", facts["model_grade"]),
            ("Cut of the reference and of the calls, fixed before unblinding", facts["cuts"]),
            ("Reference standard and who decided it", facts["reference"]),
            ("Blinding of readers, adjudicator and panel", facts["blinding"]),
            ("Partition of patients; which figures are held out", facts["partition"]),
            ("Handling of not assessable and missing answers", facts["missing"]),
            ("Sample size and how it was chosen", OPEN),
            ("Flow of patients", "flow table of this report"),
            ("Cross tabulation of index test and reference", "confusion matrices of this report"),
            ("Estimates with intervals that respect clustering", facts["statistics"]),
            ("Software and code version", facts["code"]),
            ("Fairness and subgroups", OPEN),
            ("Clinical use, limitations", OPEN),
            ("Funding and conflicts of interest", OPEN),
        ],
        "CLAIM": [
            ("Aim, hypothesis and design", facts["design"]),
            ("Data source and de-identification", "pseudonymised on import; identities are kept apart"),
            ("Annotation: readers, training, tools", facts["readers"]),
            ("Inter- and intra-reader variability", "agreement table of this report"),
            ("How data were split, on which level", facts["partition"]),
            ("Model: architecture and training", OPEN),
            ("Model: version and where it can be had", facts["model"]),
            ("Measures of performance with intervals", facts["statistics"]),
            ("External test", facts["external"]),
            ("Failure analysis", OPEN),
            ("Registration and protocol", facts["registration"]),
        ],
        "GRRAS": [
            ("What was rated, on which scale", facts["scales"]),
            ("Subjects and how they were sampled", facts["centres"]),
            ("Raters and how they were chosen", facts["readers"]),
            ("Independence of the ratings", facts["blinding"]),
            ("Number of subjects, raters and replicates", facts["counts"]),
            ("Statistics of agreement and their interval", facts["agreement"]),
            ("Experience of the raters", OPEN),
            ("Practical relevance of the agreement found", OPEN),
        ],
    }
