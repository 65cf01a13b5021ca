"""Bundles are made in the background, one at a time: what a waiting person is told."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum

from mes.errors import Fault, IntegrityBreach, Refusal

MOST_KEPT = 200
Progress = Callable[[str], None]


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RENDERING = "rendering"
    PACKING = "packing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One bundle in the making; `error` says why it failed: a Refusal, Fault or IntegrityBreach."""

    id: str
    batch: str
    seal: int
    state: JobState = JobState.WAITING
    detail: str = ""
    error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in (JobState.READY, JobState.FAILED)


class Jobs:
    """Runs jobs in one thread of its own and remembers the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._futures: dict[str, Future[None]] = {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    def start(self, job: Job, work: Callable[[Progress], str]) -> Job:
        """Queue a job whose `work` returns what to tell when it is ready; a known id is not started again.

        Refuses `record-busy` while another job of the same batch runs.
        """
        with self._lock:
            known = self._jobs.get(job.id)
            if known is not None and known.state is not JobState.FAILED:
                return known
            if any(one.batch == job.batch and not one.is_over for one in self._jobs.values()):
                raise Refusal("record-busy", batch=job.batch)
            while len(self._jobs) >= MOST_KEPT:
                oldest = next(iter(self._jobs))
                self._jobs.pop(oldest)
                self._futures.pop(oldest, None)
            self._jobs[job.id] = job
            self._futures[job.id] = self._worker.submit(self._run, job.id, work)
        return job

    def _run(self, ident: str, work: Callable[[Progress], str]) -> None:
        try:
            detail = work(lambda word: self._change(ident, state=JobState(word)))
        except (Refusal, Fault, IntegrityBreach, OSError) as error:
            self._change(ident, state=JobState.FAILED, detail=str(error), error=error)
        else:
            self._change(ident, state=JobState.READY, detail=detail)

    def _change(self, ident: str, **changes: object) -> None:
        with self._lock:
            self._jobs[ident] = replace(self._jobs[ident], **changes)  # type: ignore[arg-type]

    def job(self, ident: str) -> Job:
        """Return a job; refuses `job-unknown` (404). A mistake of the program in it is raised here."""
        with self._lock:
            found, future = self._jobs.get(ident), self._futures.get(ident)
        if found is None:
            raise Refusal("job-unknown", status=404, job=ident[:40])
        if future is not None and future.done() and not found.is_over:
            future.result()
        return found

    def wait(self, ident: str, timeout_s: float) -> Job:
        """Wait until a job is over, at most `timeout_s`, and return it as it stands."""
        future = self._futures.get(ident)
        if future is not None:
            future.result(timeout_s)
        return self.job(ident)

    def close(self) -> None:
        """Let the job under way end and start no other."""
        self._worker.shutdown(wait=True, cancel_futures=True)
