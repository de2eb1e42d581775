"""What happens to results, as sentences."""

from readerstudy.core.audit import register_events

register_events(
    {
        "analysis.results.opened": "opened the results of snapshot {snapshot}",
        "analysis.results.refused": "asked for the results before unblinding; only the plan was shown",
        "analysis.snapshot.requested": "asked for snapshot {snapshot}; data {data_hash}",
        "analysis.snapshot.computed": "snapshot {snapshot} was computed; results {digest}",
        "analysis.snapshot.failed": "snapshot {snapshot} could not be computed: {problem}",
        "analysis.study.cases_left_out": "locked with {n} cases unfinished, which leave the analysis",
        "analysis.export.written": "exported {files}",
        "analysis.data.imported": "imported {n_rows} rows of {table} from {source}",
        "analysis.training_set.frozen": "froze training set {number}: {n_items} grades, {digest}",
        "analysis.aid.released": "released the aid of {model} for {n} aided showings; {digest}",
        "analysis.report.written": "made the report of snapshot {snapshot}",
    }
)
