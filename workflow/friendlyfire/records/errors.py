"""Errors that a user can cause, each reported in one line: the value, what is allowed, the way out."""

from pathlib import Path

#: File of the faults of a run, one line per failed job; they are repeated at the end of the run.
FAULTS = Path("results/logs/faults.txt")


class FriendlyFireError(Exception):
    """Base class of errors whose message is meant for the user; shown without a traceback."""


class ConfigError(FriendlyFireError):
    """A key of the configuration has an invalid value."""


class DataError(FriendlyFireError):
    """Images, labels or classes are missing, unreadable or do not fit together."""


class NetworkError(FriendlyFireError):
    """A network or its weights cannot be used: missing, of another architecture, at chance accuracy, not finite."""


class DeviceError(FriendlyFireError):
    """A processor has too little memory."""


class ProvenanceError(FriendlyFireError):
    """Results do not belong together, or a result has changed: edited, damaged, or made with other settings."""


class StoreError(FriendlyFireError):
    """A result on disk is missing, damaged or of another kind than expected."""


class AttackError(FriendlyFireError):
    """An attack fails, or does not return attacked images."""


class CurvatureError(FriendlyFireError):
    """A mean Hessian cannot be formed or decomposed as requested."""


class BasisError(FriendlyFireError):
    """Directions cannot be orthonormalised, or fewer exist than requested."""


def in_a_line(error: BaseException) -> str:
    """Return any error in one line: its type, and the first line of its message."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
