"""One file per task: post-processing and task metrics."""
