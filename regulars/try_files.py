"""What the files given to `regulars try` are: recognised, said by options, or asked for at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.markup import escape
from rich.prompt import Prompt

from connectors.errors import ConnectionFailure
from connectors.files_forms import (
    FORMS,
    HUBSPOT,
    KINDS,
    NOTHING,
    SUBSCRIBED,
    Form,
    Layout,
    NoAddress,
    UnknownForm,
    meanings,
    plain,
    suggestion,
    understand,
)
from connectors.files_open import Source, sources
from connectors.files_text import Empty
from regulars.session import Session
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import count


def renamed(columns: Sequence[str]) -> dict[str, str]:
    """What `--column HEADING=FIELD` says. Raises WrongUse."""
    said: dict[str, str] = {}
    for one in columns:
        heading, sign, meaning = one.rpartition("=")
        if not sign or not heading.strip():
            raise WrongUse(f'--column "{one}" is not understood.', fix='As in --column "E-Mail=email".')
        if meaning not in (*meanings(), NOTHING):
            hint = nearest(meaning, meanings()) or f"Known are {listed(meanings(), 'and')}."
            raise WrongUse(f'--column "{one}": there is no field "{meaning}".', fix=hint)
        said[heading.strip()] = meaning
    return said


def stated(forms: Sequence[str]) -> dict[str, str]:
    """What `--as FILE=PLATFORM` says, by the file's name in lower case. Raises WrongUse."""
    said: dict[str, str] = {}
    for one in forms:
        name, sign, form = one.rpartition("=")
        platform, _, kind = form.partition(":")
        if not sign or platform not in {known.name for known in FORMS} or kind not in ("", *KINDS):
            fix = f"FILE=hubspot, FILE=mailchimp, or FILE=mailchimp:KIND with {listed(KINDS)}."
            raise WrongUse(f'--as "{one}" is not understood.', fix=fix)
        said[Path(name).name.lower()] = form
    return said


def layouts(
    here: Session, paths: Sequence[Path], columns: Mapping[str, str], forms: Mapping[str, str]
) -> tuple[list[Layout], list[str]]:
    """Every table in *paths*, understood, and the names of those in a ZIP that are about something else. Raises
    WrongUse with what was found and what was expected."""
    try:
        every = sources(paths)
        skipped = [source for source in every if source.packed and not _said(source, forms) and _other(source)]
        if len(skipped) == len(every):
            skipped = []
        found = [_one(here, source, dict(columns), forms) for source in every if source not in skipped]
    except ConnectionFailure as failure:
        raise WrongUse(str(failure)) from None
    _all_said(found, columns, forms, paths)
    return found, [source.name for source in skipped]


def _said(source: Source, forms: Mapping[str, str]) -> str:
    """What a person said that a file is, naming it or the ZIP around it."""
    return forms.get(source.stem, forms.get(source.name.partition("/")[0].lower(), ""))


def _other(source: Source) -> bool:
    """Whether a table is none of people, as other parts of an account's whole export."""
    try:
        understand(source, {})
    except (UnknownForm, Empty):
        return True
    except NoAddress:
        return False
    return False


def _one(here: Session, source: Source, said: dict[str, str], forms: Mapping[str, str]) -> Layout:
    form = _said(source, forms)
    while True:
        try:
            layout = understand(source, said, form)
            break
        except UnknownForm as unknown:
            form = _which_form(here, unknown)
        except NoAddress as lost:
            said[_which_column(here, lost)] = "email"
    if here.may_ask and (more := _rest(here, layout, said)):
        layout = understand(source, {**said, **more}, form)
    return layout


def _which_form(here: Session, unknown: UnknownForm) -> str:
    name = unknown.source.stem
    if not here.may_ask or not unknown.askable:
        fix = f'If it is an export of one of them all the same: --as "{name}=hubspot"' if unknown.askable else ""
        raise WrongUse(str(unknown), fix=fix)
    here.say(escape(str(unknown)))
    choices = [form.name for form in FORMS]
    answer = Prompt.ask(f"Where does {escape(name)} come from?", choices=[*choices, "neither"], console=here.out)
    if answer not in choices:
        raise WrongUse(f"{name} cannot be read without knowing what it is.", fix="Leave it out.")
    return answer


def _which_column(here: Session, lost: NoAddress) -> str:
    near = [heading for heading in lost.heading if suggestion(lost.form, heading) == "email"]
    if not here.may_ask:
        guess = near[0] if near else lost.heading[0]
        raise WrongUse(str(lost), fix=f'If it has another name there: --column "{guess}=email"')
    here.say(escape(str(lost)))
    question = f"Which column of {escape(lost.source.name)} is the e-mail address?"
    answer = Prompt.ask(question, default=near[0] if near else None, console=here.out) or ""
    found = next((heading for heading in lost.heading if plain(heading) == plain(answer)), None)
    if found is None:
        raise WrongUse(f'There is no column "{answer}".', fix=nearest(answer, lost.heading))
    return found


def _rest(here: Session, layout: Layout, said: Mapping[str, str]) -> dict[str, str]:
    """What a person says of columns that look like fields we know by another name."""
    more: dict[str, str] = {}
    for heading in layout.unused:
        near = suggestion(layout.form, heading, [*layout.places, *more.values()])
        if not near or heading in said:
            continue
        known = [*layout.form.columns, NOTHING]
        question = f'What is the column "{escape(heading)}" of {escape(layout.source.name)}? ({NOTHING} for nothing)'
        answer = Prompt.ask(question, default=near, console=here.out)
        while answer not in known:
            here.say(escape(nearest(answer, known) or f"Known are {listed(layout.form.columns, 'and')}."))
            answer = Prompt.ask(question, default=near, console=here.out)
        more[heading] = answer
    return more


def _all_said(
    found: Sequence[Layout], columns: Mapping[str, str], forms: Mapping[str, str], paths: Sequence[Path]
) -> None:
    """What was said must be about something that there is."""
    headings = {plain(heading): heading for layout in found for heading in layout.shape.heading}
    for heading, meaning in columns.items():
        if plain(heading) not in headings:
            raise WrongUse(f'No file has a column "{heading}".', fix=nearest(heading, headings.values()))
        have = [layout.form for layout in found if plain(heading) in map(plain, layout.shape.heading)]
        if meaning != NOTHING and not any(meaning in form.columns for form in have):
            raise WrongUse(f'{have[0].title} exports have no "{meaning}".', fix=f"They have {_words(have[0])}.")
    names = {layout.source.stem for layout in found} | {path.name.lower() for path in paths}
    for name in forms:
        if name not in names:
            raise WrongUse(f'--as names "{name}", which is not among the files.', fix=nearest(name, names))


def _words(form: Form) -> str:
    return listed(form.columns, "and")


def says_who_left(layout: Layout) -> bool:
    """Whether an export says who opted out: one of HubSpot's only with the column for it."""
    return layout.form is not HUBSPOT or layout.has("opted_out") or bool(layout.single_opt_outs)


def notes(layout: Layout) -> list[str]:
    """What a person should know about how a file was read."""
    found = []
    if not says_who_left(layout):
        text = 'it does not say who opted out: it has no column "Unsubscribed from all email"'
        found.append(f"{text}. Say which one it is where it has another name, else export all properties")
    if layout.kind == SUBSCRIBED and not layout.source.stem.startswith(SUBSCRIBED):
        text = f'taken for the subscribed, as neither name nor columns say otherwise; else --as "{layout.source.stem}='
        found.append(text + 'mailchimp:unsubscribed"')
    near = [(one, what) for one in layout.unused if (what := suggestion(layout.form, one, layout.places))]
    found += [f'"{one}" is not used; if it is the {what}: --column "{one}={what}"' for one, what in near[:5]]
    if len(near) > 5:
        found.append(f"{count(len(near) - 5, 'more column')} like that")
    return found
