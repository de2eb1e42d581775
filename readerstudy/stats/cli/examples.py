"""
One worked call of each method, shown by its ``--help`` and run by the tests.

The files are the product's long CSVs (``reads.csv``, ``reference.csv``, ``predictions.csv``, ``marks.csv``,
``lesions.csv``, an iMRMC export) or published studies of the reference folder.
"""

from __future__ import annotations

_READER = "reads.csv --reader R1 --reference-file reference.csv --cut 2"
_MODEL = "predictions.csv --model M --reference-file reference.csv --cut 2"
_PAIR = "reads.csv --reader R1 --second-reader R2"
_ALL = "reads.csv --raters R1,R2,R3"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "accuracy": (
        _READER,
        "asah.csv --reference outcome --positive Poor --given wfns --cut 4 --independent",
    ),
    "confusion-matrix": ("reads.csv --reader R1 --reference-file reference.csv --grades 4",),
    "multiclass": ("reads.csv --reader R1 --reference-file reference.csv --grades 4",),
    "multiclass-auc": (
        "predictions.csv --model M --reference-file reference.csv",
        "wine_probs.csv --reference truth --probabilities p0,p1,p2",
    ),
    "hand-till": ("asah.csv --reference gos6 --score s100b",),
    "auc": (_MODEL, "asah.csv --reference outcome --positive Poor --score s100b --independent"),
    "auc-difference": (
        "reads.csv --reader R1 --second-reader R2 --reference-file reference.csv --cut 2",
        "asah.csv --reference outcome --positive Poor --score s100b --second ndka --independent",
    ),
    "roc-curve": (_MODEL,),
    "pr-curve": (_MODEL,),
    "operating-points": (_READER,),
    "partial-auc": (f"{_MODEL} --focus specificity --start 0.8 --stop 1 --corrected",),
    "sensitivity-at-specificity": (f"{_MODEL} --at 0.9 --resamples 200",),
    "specificity-at-sensitivity": (f"{_MODEL} --at 0.9 --resamples 200",),
    "average-precision": (f"{_MODEL} --resamples 200",),
    "calibration": (f"{_MODEL} --bins 5 --resamples 200",),
    "kappa": (
        f"{_PAIR} --grades 4 --weights quadratic",
        "mspatients_winnipeg.csv --table row --weights linear --independent",
    ),
    "percent-agreement": (f"{_PAIR} --within 1",),
    "bland-altman": (_PAIR, "shrout_fleiss1979.csv --first J1 --second J2 --independent"),
    "mcnemar": (
        f"{_PAIR} --cut 2",
        "obuchowski1998_thyroids.csv --first pet --second spect --cluster patient",
        "agresti_approval_2x2.csv --table first --independent",
    ),
    "cochran-q": (f"{_ALL} --cut 2",),
    "fleiss": (
        f"{_ALL} --categories 0,1,2,3",
        "fleiss1971_diagnoses.csv --raters rater1,rater2,rater3,rater4,rater5,rater6 --independent",
    ),
    "conger": (f"{_ALL} --categories 0,1,2,3",),
    "gwet": (f"{_ALL} --categories 0,1,2,3 --weights quadratic",),
    "brennan-prediger": (f"{_ALL} --categories 0,1,2,3",),
    "krippendorff": (
        f"{_ALL} --metric ordinal",
        "krippendorff_4x12.csv --raters X1,X2,X3,X4 --metric nominal",
    ),
    "light": (_ALL, "anxiety.csv --raters rater1,rater2,rater3"),
    "icc": (
        "shrout_fleiss1979.csv --raters J1,J2,J3,J4 --model twoway --type agreement --unit single",
        _ALL,
    ),
    "kendall-w": ("anxiety.csv --raters rater1,rater2,rater3", _ALL),
    "mrmc": (
        "imrmc.csv --covariance jackknife",
        "vandyke.csv --endpoint sensitivity:3",
        "vandyke.csv --case case_nested_in_reader --design case_in_reader",
    ),
    "dbm": ("imrmc.csv", "vandyke.csv"),
    "u-statistics": (
        "imrmc.csv",
        "viper_screeningHighP.csv --treatment modality --truth cancer --rating score",
    ),
    "standalone": (
        "nico_cad_roc.csv --model 1",
        "nico_cad_lroc.csv --model 1 --truth diseased --correct location_correct --endpoint lroc_auc:0.2",
    ),
    "non-inferiority": ("vandyke.csv --reference 1 --test 2 --margin 0.05",),
    "froc": (
        "marks.csv --lesions lesions.csv --cases reference.csv",
        "tony_froc_marks.csv --cases tony_froc_cases.csv",
    ),
    "froc-mrmc": (
        "marks.csv --lesions lesions.csv --cases reference.csv --figure wAFROC",
        "tony_froc_marks.csv --cases tony_froc_cases.csv --figure AFROC",
    ),
    "proportion": ("26 41 --method wilson",),
    "plan-auc": ("--auc 0.8 --power 0.9 --ratio 1.5",),
    "plan-auc-difference": (
        "asah.csv --reference outcome --positive Poor --score s100b --second ndka --power 0.9",
    ),
    "plan-standalone": ("--endpoint auc --accuracy 0.9 --precision 0.05",),
    "plan-mrmc-pilot": (
        "vandyke.csv --n_readers 6 --n_cases 251 --effect 0.05",
        "vandyke.csv --n_readers 10 --effect 0.05 --power 0.8",
    ),
    "plan-kappa": ("--kappa0 0.4 --kappa1 0.6 --proportions 0.3,0.7 --raters 2",),
    "plan-kappa-interval": ("--kappa0 0.6 --kappa_lower 0.4 --proportions 0.3,0.7 --raters 2",),
    "plan-mrmc": ("--n_readers 10 --difference 0.1 --accuracy 0.75 --range_between 0.1 --range_within 0.05",),
    "plan-proportion": ("--share 0.9 --half_width 0.05 --items_per_patient 10 --correlation 0.1",),
    "plan-paired": ("--first_only 0.15 --second_only 0.05 --items_per_patient 10 --correlation 0.1",),
}


def epilog(method: str) -> str:
    """The examples of a method, for the end of its help."""
    calls = [f"  python -m readerstudy.stats {method} {call}" for call in EXAMPLES[method]]
    return "examples:\n" + "\n".join(calls)
