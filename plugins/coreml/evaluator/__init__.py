"""The reference evaluator: a loaded-back program, op by op, in numpy."""
