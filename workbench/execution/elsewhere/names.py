"""Names of the files that a job and what comes back from it are made of; the runner on the other side has its own."""

from __future__ import annotations

JOB_NAME, RETURNED_NAME = "job.json", "returned.json"
RUNNER_NAME, ELSEWHERE_NAME = "runner.py", "elsewhere.py"
"""The runner, and the plugin's file that opens a model for it."""
README_NAME, STUDY_NAME = "README.txt", "study.toml"
