"""Look: what every platform shows now. Settles what was left open, pulls, and applies the brakes on what was seen."""

from __future__ import annotations

from connectors.errors import Failure
from mapping.model import Millis
from sync import dues, erasures, journals, meter, runs
from sync.balance import ConnectionBalance
from sync.deeds import companies_heard
from sync.guard import Brake, Sight, Stop, after_pull, before_pull, unreleased
from sync.organizations import work_out
from sync.pull import Pulled, Puller
from sync.recover import recover
from sync.resolve import Identity, resolve
from sync.streams import StreamPuller
from sync.times import sharpen
from sync.wired import Run, Wired, Works


def look(works: Works, run: Run, identity: Identity, *, full: bool) -> None:
    """Recover, pull and resolve: afterwards the store knows what the chosen platforms show."""
    with works.database.read() as conn:
        since = meter.last_consent(conn)
    metered: dict[str, Millis] = {}
    for wired in works.connections.values():
        if wired.name not in run.chosen:
            continue
        try:
            metered[wired.name] = _look_at(works, run, wired, full=full)
        except Failure as failure:
            run.failed(wired.name, failure)
            if wired.name in run.spent:
                run.pullers.setdefault(wired.name, works.puller(run, wired))
    with works.people():
        resolve(works.database, run.revision, identity, beside=works.beside)
    for wired in works.connections.values():  # now that addresses lead to records
        if wired.streams and wired.name in run.chosen and wired.name not in run.blocked:
            _listen(works, run, wired, full=full)
    for name, at in metered.items():
        hooks = works.connections[name].connector.hooks
        if at and hooks is not None and hooks.alone:
            with works.database.write() as conn:
                meter.explain(conn, name, at, since, hooks.bare)
    with works.people():
        work_out(works.database, works.revision(run))
    sharpen(works.database, {n: puller.connector for n, puller in run.pullers.items() if n not in run.blocked})


def _look_at(works: Works, run: Run, wired: Wired, *, full: bool) -> Millis:
    """One connection, from opening it to what its pull says about it as a whole. When the meter was read there; 0
    where it was not."""
    database = works.database
    before = runs.live_records(database, wired.name)
    puller = _open(works, run, wired, before)
    if puller is None:
        return 0
    run.balance.recovered += recover(works.pusher(run, wired))
    if not wired.may_erase:
        erasures.look_again(database, wired.name, wired.connector, works.now())
    with database.write() as conn:
        dues.look(conn, wired.name, begun=True)
    works.progress.begin(wired.name, "pull", None)
    pulled = puller.pull(full=full)
    works.progress.end(wired.name, "pull")
    seen = Sight(wired.name, records=before, listed=pulled.listed, vanished=len(pulled.suspects), edited=pulled.edited)
    found = [*runs.standing_stops(database, wired.name), *after_pull(seen, wired.limits)]
    stops = unreleased(_largest(found), runs.released(database))
    runs.clear_stops(database, wired.name)
    run.stop(database, stops)
    with database.write() as conn:
        dues.look(conn, wired.name, begun=False)
    if not any(stop.brake in (Brake.EMPTIED, Brake.DELETES) for stop in stops):
        puller.prove(pulled.suspects, pulled)
    _count(run.balance.connections[wired.name], pulled)
    with database.read() as conn:
        told = wired.hears or journals.is_read(conn, wired.name, works.now())
    run.records[wired.name] = runs.live_records(database, wired.name)
    if not told or not before:
        return 0
    reading = meter.Reading(wired.name, works.now(), pulled.pulled, pulled.unheard)
    with database.write() as conn:
        meter.note(conn, reading)
    return reading.at


def _listen(works: Works, run: Run, wired: Wired, *, full: bool) -> None:
    """What the connection tells beside its records. Stray facts whose people came meanwhile find home."""

    def page(stream: str, count: int, total: int | None) -> None:
        works.progress.begin(wired.name, stream, total)
        works.progress.advance(wired.name, stream, count)

    own = repr([(row.name, row.remote, row.kind.value) for row in wired.connector.settings.organization])
    runs.told_company_fields(works.database, wired.name, wired.connector.companies_in, "" if own == "[]" else own)
    puller = StreamPuller(works.database, wired.name, wired.connector, works.now, page, works.full_every, run.overtake)
    puller.bring_home()
    for stream in wired.connector.streams:
        if stream.name in wired.streams:
            run.balance.connections[wired.name].streams[stream.name] = puller.pull(stream, full=full)
            works.progress.end(wired.name, stream.name)
    companies = wired.connector.companies_in
    if companies in wired.streams:
        told = run.balance.connections[wired.name].streams[companies]
        with works.database.write() as conn:
            companies_heard(conn, wired.name, companies, news=bool(told.new or told.changed or told.gone))


def _largest(stops: list[Stop]) -> list[Stop]:
    """One stop per brake: where one stands and is found again, the larger."""
    by_brake: dict[Brake, Stop] = {}
    for stop in sorted(stops, key=lambda stop: stop.size):
        by_brake[stop.brake] = stop
    return list(by_brake.values())


def _open(works: Works, run: Run, wired: Wired, records: int) -> Puller | None:
    """Open a connection; None where it is not what it was, and nothing of it may be believed."""
    known = runs.connection(works.database, wired.name)
    account, fields = wired.connector.check(), wired.connector.fields
    sight = Sight(
        wired.name,
        records=records,
        account=account.id,
        known_account=known.account,
        fields=fields.fingerprint(),
        known_fields=known.fields,
    )
    stops = before_pull(sight)
    if stops:
        run.stop(works.database, stops)
        return None
    names = [row.name for row in fields]
    # A field taken out of the connection shows nothing any more, which is nobody's edit, as little as one put in.
    other = set(names).symmetric_difference(known.field_names) if known.field_names else set()
    newly = tuple(sorted(other))
    runs.opened(works.database, wired.name, account.id, account.name, sight.fields, names)
    runs.told_purposes(works.database, wired.name, wired.connector.settings.told_purposes)
    run.pullers[wired.name] = works.puller(run, wired, newly)
    return run.pullers[wired.name]


def _count(balance: ConnectionBalance, pulled: Pulled) -> None:
    balance.pulled += pulled.pulled
    balance.new += pulled.new
    balance.changed += pulled.changed
    balance.unchanged += pulled.unchanged
    balance.refused += pulled.refused
    balance.gone += pulled.gone
