"""Every error that encodepth raises on purpose.

EncodepthError
├── InvalidImageError    the caller's picture cannot be coded (shape, dtype, unit)
├── InvalidSettingError  an argument is out of its range, or contradicts another
├── ModelNotFoundError   no weights are installed under that name or fingerprint
├── CorruptFileError     the bytes are not a whole, valid .rgbd file
└── DesyncError          the file is whole, but decoding here gave other symbols

A message says what was found, where, what was expected and, if possible, what to do: one line,
lower case, no full stop, values quoted. The command prints it and exits with status 1.
"""


class EncodepthError(Exception):
    """Anything that went wrong for a reason the user can act on."""


class InvalidImageError(EncodepthError):
    """The caller's picture cannot be coded."""


class InvalidSettingError(EncodepthError, ValueError):
    """An argument is out of its range, or contradicts another."""


class ModelNotFoundError(EncodepthError):
    """No weights are installed under that name or fingerprint."""


class CorruptFileError(EncodepthError):
    """The bytes are not a whole, valid .rgbd file."""


class DesyncError(EncodepthError):
    """The file is whole, but decoding here gave other symbols than were encoded."""
