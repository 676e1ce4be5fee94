"""Stores, tables, seeds, intervals and errors, which every stage shares."""
