"""Jobs, plugin discovery, worker process, importers, study and store."""
