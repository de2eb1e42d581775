"""Forms of the coordinator's pages."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.assignment import AssignmentDesign


class ScreeningForm(forms.Form):
    """What a doctor decides about a case before reading."""

    INCLUDE, EXCLUDE, ACCEPT_SIDES, NUMBER = "include", "exclude", "accept-sides", "number"

    act = forms.ChoiceField(choices=[(INCLUDE, ""), (EXCLUDE, ""), (ACCEPT_SIDES, ""), (NUMBER, "")])
    reason = forms.CharField(required=False)
    variant = forms.CharField(required=False)
    lacking_reason = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("act") == self.EXCLUDE and not data.get("reason"):
            raise forms.ValidationError(_("Choose the criterion that excludes the case."))
        if data.get("act") == self.NUMBER and not data.get("variant"):
            raise forms.ValidationError(_("Choose how the levels are numbered."))
        return data


class SeedForm(forms.Form):
    """A seed of a draw."""

    seed = forms.IntegerField(min_value=0, max_value=2**62, label=_("Seed"))
    confirm = forms.BooleanField(required=False)


class DesignForm(forms.Form):
    """The design of an assignment, its seed, and the digest of the plan that was shown."""

    seed = forms.IntegerField(min_value=0, max_value=2**62, label=_("Seed"))
    layout = forms.ChoiceField(
        label=_("Layout"),
        choices=[
            ("balanced", _("Balanced: each case by the protocol's number of readers")),
            ("crossed", _("Fully crossed: every reader reads every case")),
            ("split-plot", _("Split-plot: groups of readers, each with its own cases")),
        ],
        required=False,
    )
    groups = forms.IntegerField(min_value=1, max_value=50, required=False, label=_("Groups (split-plot)"))
    overlap_percent = forms.IntegerField(
        min_value=0, max_value=100, required=False, label=_("Read by every reader, percent of cases")
    )
    conditions = forms.ChoiceField(
        label=_("Conditions"),
        choices=[
            ("unaided", _("Unaided only")),
            ("sequential", _("Unaided, then aided at once")),
            ("independent", _("Unaided, then aided in a later session")),
            ("crossover", _("Each session half aided, crossed over")),
        ],
        required=False,
    )
    repeat_percent = forms.IntegerField(
        min_value=0, max_value=100, required=False, label=_("Hidden repeats, percent of cases")
    )
    washout_days = forms.IntegerField(
        min_value=0, max_value=3650, required=False, label=_("Washout, days of 24 hours")
    )
    due_date = forms.DateField(
        required=False, label=_("Due"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    confirm = forms.BooleanField(required=False)
    digest = forms.CharField(max_length=64, required=False)

    def design(self, document: ProtocolDocument) -> AssignmentDesign:
        """Return the design that was chosen; what was left open is the protocol's."""
        data, default = self.cleaned_data, AssignmentDesign.of(document)
        chosen = data["conditions"] or (default.aided_order if default.is_aided else "unaided")
        pick = lambda name, fallback: fallback if data[name] is None else data[name]  # noqa: E731
        return AssignmentDesign(
            layout=data["layout"] or default.layout,
            readers_per_case=default.readers_per_case,
            groups=pick("groups", default.groups),
            overlap_fraction=pick("overlap_percent", 100 * default.overlap_fraction) / 100,
            conditions=("unaided",) if chosen == "unaided" else ("unaided", "aided"),
            aided_order=default.aided_order if chosen == "unaided" else chosen,
            repeat_fraction=pick("repeat_percent", 100 * default.repeat_fraction) / 100,
            washout_days=pick("washout_days", default.washout_days),
        )

    @classmethod
    def beginning(cls, document: ProtocolDocument) -> dict[str, Any]:
        """Return what the form shows first: the protocol's design."""
        default = AssignmentDesign.of(document)
        return {
            "seed": 1,
            "layout": default.layout,
            "groups": default.groups,
            "overlap_percent": round(100 * default.overlap_fraction),
            "conditions": default.aided_order if default.is_aided else "unaided",
            "repeat_percent": round(100 * default.repeat_fraction),
            "washout_days": default.washout_days,
        }


class CreateStudyForm(forms.Form):
    """A new study: its short name, its file, and whether everything in it is marked as demonstration data."""

    slug = forms.SlugField(max_length=60, label=_("Short name, as in addresses"))
    title = forms.CharField(max_length=200, required=False, label=_("Title; empty takes the protocol's"))
    is_demonstration = forms.BooleanField(required=False, label=_("Demonstration data"))
    source = forms.CharField(max_length=400_000, strip=False)


class WithdrawalForm(forms.Form):
    """The code of the case that goes, typed by hand, and why."""

    code = forms.CharField(
        label=_("The code of the case, to confirm"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(label=_("Why (goes into the audit log)"), max_length=300)

    def __init__(self, *args: Any, pseudonym: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pseudonym = pseudonym

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].strip()
        if code != self._pseudonym:
            raise forms.ValidationError(_("This is not the code of this case. Nothing was changed."))
        return code


def _codes_field(label: Any, **options: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, max_length=400, widget=widget, **options)


class JoiningForm(forms.Form):
    """Which case stays, and which come to it, by their codes."""

    stays = _codes_field(_("The case that stays"))
    comes = _codes_field(
        _("The cases that come to it"), help_text=_("One code, or several with commas between them.")
    )

    def __init__(self, *args: Any, study: ReaderStudy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._study = study

    def _found(self, codes: list[str]) -> list[Case]:
        found = {
            case.pseudonym: case
            for case in Case.objects.select_related("study", "patient__centre", "image_set").filter(
                study=self._study, pseudonym__in=codes
            )
        }
        unknown = [code for code in codes if code not in found]
        if unknown:
            raise forms.ValidationError(_("The study has no case %(code)s.") % {"code": ", ".join(unknown)})
        return [found[code] for code in codes]

    def clean_stays(self) -> Case:
        return self._found([self.cleaned_data["stays"].strip()])[0]

    def clean_comes(self) -> list[Case]:
        codes = [code.strip() for code in self.cleaned_data["comes"].replace("，", ",").split(",")]
        return self._found([code for code in dict.fromkeys(codes) if code])


class TakingOutForm(forms.Form):
    """Which imaging studies leave a case, and whether they are of another person."""

    OTHER, SAME = "other", "same"

    study = forms.MultipleChoiceField()
    patient = forms.ChoiceField(choices=[(OTHER, ""), (SAME, "")])

    def __init__(self, *args: Any, studies: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["study"].choices = [(uid, uid) for uid in studies]


class OpenForm(forms.Form):
    """The digest of the protocol that the page showed."""

    digest = forms.CharField(max_length=64)


def exclusion_choices(document: ProtocolDocument, language: str) -> list[tuple[str, str]]:
    return [(name, label.in_language(language)) for name, label in document.exclusion_criteria]


def numbering_choices(document: ProtocolDocument, language: str) -> list[tuple[str, str]]:
    return [(name, label.in_language(language)) for name, label in document.numbering_variants]
