"""Names of the files that a job and what comes back from it are made of, and of the fact that tells when it ran.

The runner on the other side of the process boundary has its own.
"""

from __future__ import annotations

JOB_NAME, RETURNED_NAME = "job.json", "returned.json"
RUNNER_NAME, ELSEWHERE_NAME = "runner.py", "elsewhere.py"
"""The runner, and the plugin's file that opens a model for it."""
README_NAME, STUDY_NAME = "README.txt", "study.toml"
MEASURED_FACT = "measured_utc"
"""Of a run made elsewhere: when the runner started there."""
