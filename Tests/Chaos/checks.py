"""What must hold after the drain. Each check is a function of the evidence alone, so that tests can make it fail."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass

from .audit import Evidence, Job, recount
from .ledger import Fate, Submission

SHOWN = 3


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str

    def line(self) -> str:
        return f"{'ok    ' if self.ok else 'FAILED'} {self.name}: {self.detail}"

    def as_json(self) -> dict:
        return asdict(self)


def verdict(name: str, summary: str, **wrong: list | int) -> Check:
    """A check that holds if nothing is wrong; else each kind of finding is counted, the first are shown."""
    found = [f"{kind.replace('_', ' ')}: {counted(items)}" for kind, items in wrong.items() if items]
    return Check(name, not found, "; ".join([summary, *found]))


def counted(items: list | int) -> str:
    if isinstance(items, int):
        return str(items)
    return f"{len(items)} (for example {', '.join(map(str, items[:SHOWN]))})"


def acknowledged_once(evidence: Evidence) -> Check:
    """Each acknowledged job exists and ended with one success. Every fault of a run is one that the relay retries,
    and the budget does not run out, so any other end is a loss."""
    ids = {identifier for submission in evidence.ledger.submissions.values() for identifier in submission.ids}
    jobs = evidence.jobs
    return verdict(
        "every acknowledged job ended exactly once", f"{len(ids)} acknowledged",
        lost=sorted(ids - jobs.keys()),
        not_succeeded=[f"{name} {job.listed}" for name, job in jobs.items() if job.listed != "succeeded"],
        poll_and_list_differ=[name for name, job in jobs.items() if job.listed != job.polled],
        not_one_success_in_the_journal=[name for name, job in jobs.items() if job.successes != 1],
        listed_twice=evidence.listed_twice)


def submissions_answered_truly(evidence: Evidence) -> Check:
    """An unanswered submission may exist or not; a refused one must not, nor one that nobody sent."""
    submissions, jobs = evidence.ledger.submissions, evidence.jobs
    fates = Counter(submissions[job.number].fate for job in jobs.values() if job.number in submissions)
    unanswered, refused = evidence.ledger.count(Fate.UNANSWERED), evidence.ledger.count(Fate.REFUSED)
    return verdict(
        "answers to submissions were true",
        f"{unanswered} unanswered, of them {fates[Fate.UNANSWERED]} exist; {refused} refused",
        refused_but_exist=[name for name, job in jobs.items() if has_fate(job, submissions, Fate.REFUSED)],
        never_submitted=[name for name, job in jobs.items() if job.number not in submissions],
        bulk_answers_with_missing_lines=evidence.mismatched)


def has_fate(job: Job, submissions: dict[int, Submission], fate: Fate) -> bool:
    return job.number in submissions and submissions[job.number].fate is fate


def results_belong(evidence: Evidence) -> Check:
    """The answer's echo is the fingerprint of the submitted body."""
    submissions = evidence.ledger.submissions
    foreign = [f"{name} has {job.echo or 'no echo'} (HTTP {job.result_status})"
               for name, job in evidence.jobs.items()
               if job.number in submissions
               and (job.result_status != 200 or job.echo != submissions[job.number].fingerprint)]
    return verdict("no result belongs to another request", f"{len(evidence.jobs)} results compared", foreign=foreign)


def one_job_a_submission(evidence: Evidence) -> Check:
    """Repetitions under one key got one id, the list holds one job of that number, and the id is no other's."""
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for name, job in evidence.jobs.items():
        by_number[job.number].append(name)
    submissions = evidence.ledger.submissions
    told: defaultdict[str, list[int]] = defaultdict(list)
    for number, submission in submissions.items():
        for name in submission.ids:
            told[name].append(number)
    repeated = sum(submission.sends > 1 for submission in submissions.values())
    return verdict(
        "repeated submissions made one job", f"{repeated} submissions sent more than once",
        several_jobs=[names for names in by_number.values() if len(names) > 1],
        several_ids=[sorted(submission.ids) for submission in submissions.values() if len(submission.ids) > 1],
        id_of_another_submission=[
            name for name, job in evidence.jobs.items()
            for number in told.get(name, ()) if number != job.number])


def webhooks_complete(evidence: Evidence) -> Check:
    """One event a job, under one id, accepted at least once, signed, and saying what the job says."""
    jobs, by_job = evidence.jobs, Counter(name for event in evidence.events.values() for name in event.jobs)
    submissions = evidence.ledger.submissions
    wrong_state, wrong_echo = [], []
    for identifier, event in evidence.events.items():
        known = [jobs[name] for name in event.jobs if name in jobs]
        if any(event.states != {job.listed} for job in known):
            wrong_state.append(identifier)
        if any(event.echoes != {submissions[job.number].fingerprint} for job in known if job.number in submissions):
            wrong_echo.append(identifier)
    accepted = {name for event in evidence.events.values() if event.accepted for name in event.jobs}
    return verdict(
        "webhooks are complete",
        f"{len(evidence.events)} events for {len(jobs)} jobs, {evidence.repeated} delivered again after their receipt",
        missing=sorted(jobs.keys() - accepted),
        several_ids_for_a_job=[name for name, number in by_job.items() if number > 1],
        several_jobs_under_an_id=[name for name, event in evidence.events.items() if len(event.jobs) != 1],
        unknown_job=sorted(by_job.keys() - jobs.keys()),
        wrong_state=wrong_state, wrong_result=wrong_echo,
        forged=evidence.forged)


def counts_agree(evidence: Evidence) -> Check:
    """What `relay status` counts equals what the list holds, and each callback is booked as delivered."""
    listed = recount(evidence)
    states = sorted(evidence.reported.keys() | listed.keys())
    booked = {state: number for state, number in evidence.callbacks.items() if number}
    wanted = {"delivered": len(evidence.jobs)} if evidence.jobs else {}
    return verdict(
        "the relay's counts equal a recount",
        ", ".join(f"{state} {evidence.reported.get(state, 0)}" for state in states),
        differ=[f"{state}: reported {evidence.reported.get(state, 0)}, listed {listed[state]}"
                for state in states if evidence.reported.get(state, 0) != listed[state]],
        callbacks=[f"booked {booked}, expected {wanted}"] if booked != wanted else [])


def executions_explained(evidence: Evidence) -> Check:
    """A job may be executed again after a crash or a fault, but then its journal says *maybe billed*."""
    bodies = sum(evidence.executions.values())
    extra = sum((times - 1) * number for times, number in evidence.executions.items() if times > 1)
    again = sum(number for times, number in evidence.executions.items() if times > 1)
    billed = sum(job.maybe_billed for job in evidence.jobs.values())
    return verdict(
        "executions are explained",
        f"{again} requests executed more than once ({extra} extra executions, {billed} attempts marked maybe billed)",
        not_marked_maybe_billed=[f"{extra} extra, {billed} marked"] if extra > billed else [],
        jobs_and_executed_requests_differ=[
            f"{bodies} executed, {len(evidence.jobs)} jobs"] if bodies != len(evidence.jobs) else [])


def nothing_left(evidence: Evidence) -> Check:
    left = {state: evidence.unfinished.get(state, 0) or evidence.reported.get(state, 0)
            for state in ("queued", "running")}
    return verdict("nothing is left", ", ".join(f"{state} {number}" for state, number in left.items()),
                   unfinished=[state for state, number in left.items() if number])


def files_sound(evidence: Evidence) -> Check:
    return verdict("the files are sound", f"integrity_check of {', '.join(evidence.integrity) or 'nothing'}",
                   damaged=[f"{name}: {line}" for name, lines in evidence.integrity.items() for line in lines],
                   not_looked_at=[] if evidence.integrity else ["no file"])


def no_crashes(evidence: Evidence) -> Check:
    return verdict("no process ended by itself", f"{len(evidence.crashes)} did", crashed=evidence.crashes)


CHECKS = (acknowledged_once, submissions_answered_truly, results_belong, one_job_a_submission, webhooks_complete,
          counts_agree, executions_explained, nothing_left, files_sound, no_crashes)


def check_all(evidence: Evidence) -> list[Check]:
    return [check(evidence) for check in CHECKS]
