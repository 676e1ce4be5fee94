"""The errors that a user can cause, each told in one line: the value, what is allowed, the way out."""

from pathlib import Path

#: Where each job of a run that fails says why, a line each; told once more at the end of the run.
FAULTS = Path("results/logs/faults.txt")


class FriendlyFireError(Exception):
    """Base of all errors whose message is meant for the user; shown without a traceback."""


class ConfigError(FriendlyFireError):
    """A key of the configuration has a value that cannot work."""


class DataError(FriendlyFireError):
    """Images, labels or classes are missing, unreadable or do not fit together."""


class NetworkError(FriendlyFireError):
    """A network or its weights cannot be used: not found, of another architecture, at chance, not finite."""


class DeviceError(FriendlyFireError):
    """A processor cannot do what is asked: too little memory."""


class ProvenanceError(FriendlyFireError):
    """Results do not go together, or a table is not what was written: edited, damaged, of other settings."""


class StoreError(FriendlyFireError):
    """A result on disk is missing, damaged or not what its name says."""


class AttackError(FriendlyFireError):
    """An attack fails, or gives something else than attacked images."""


class CurvatureError(FriendlyFireError):
    """A mean Hessian cannot be formed or decomposed as asked."""


class BasisError(FriendlyFireError):
    """Directions cannot be made into an orthonormal basis, or fewer exist than asked for."""


def in_a_line(error: BaseException) -> str:
    """What an error says, whatever raised it, in one line: its type, and the first line of its message."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
