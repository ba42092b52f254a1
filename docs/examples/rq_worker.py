"""A worker of RQ that loses no job when it gets SIGTERM: `rq worker -w rq_worker.Worker`.

RQ's own worker ends at once unless it runs a job. A job that it has taken from the queue and not started yet is then lost.
This one ends between two jobs only.
"""

import rq


class Worker(rq.Worker):
    def _shutdown(self):
        self._stop_requested = True

    def dequeue_job_and_maintain_ttl(self, timeout, max_idle_time=None):
        """Looks for a request to stop each second while the queues are empty."""
        idle = 0
        while not self._stop_requested and (timeout is None or max_idle_time is None or idle < max_idle_time):
            found = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time=1)
            if found or timeout is None:
                return found
            idle += 1
        return None
