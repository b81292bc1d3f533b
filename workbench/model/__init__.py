"""What is under test: load, check, signature, family, fingerprint, samples."""
