"""Where a job runs: in this process, or in worker processes of this machine. All engines speak `job.py`."""
