"""The harness: config to jobs to records."""
