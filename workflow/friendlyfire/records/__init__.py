"""Stores, tables, seeds, intervals and errors that every stage uses."""
