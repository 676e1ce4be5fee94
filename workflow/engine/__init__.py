"""Modules that only the workflow needs: the checked configuration, jobs, progress and provenance."""
