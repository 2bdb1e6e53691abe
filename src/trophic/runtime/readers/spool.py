"""Standard input as a file: what `trophic decompose -` reads is first kept in a temporary folder, of any length."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from trophic.runtime.readers.common import SourceError
from trophic.runtime.streams import PCM_FORMATS, Pcm


def spool(pieces: Iterable[bytes], folder: Path, pcm: str | None = None, n_channels: int = 1) -> Path:
    """Write a stream of bytes to a file that `open_source` reads. Ctrl-C ends the stream, not the program.

    Parameters
    ----------
    pieces : iterable of bytes
        As they arrive.
    folder : Path
        Where the file is put.
    pcm : str, optional
        Format of raw samples, a key of `PCM_FORMATS`; default: lines of delimited text.
    n_channels : int
        Interleaved channels of raw samples, >= 1.

    Raises
    ------
    SourceError
        If ``pcm`` is not a known format.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.load(spool([bytes([0, 64]), bytes([0, 192])], Path(folder), pcm="s16le"))[:, 0]
    array([ 0.5, -0.5])
    """
    if pcm is not None and pcm not in PCM_FORMATS:
        raise SourceError(f"standard input: --pcm must be one of {', '.join(PCM_FORMATS)}, got {pcm!r}")
    path = folder / ("stdin.csv" if pcm is None else "stdin.npy")
    with path.open("wb") as file:
        if pcm is None:
            file.writelines(_until_ctrl_c(pieces))
            return path
        decoder, n = Pcm(pcm, n_channels), 0

        def write_header() -> None:  # its length does not depend on n
            header = {"descr": "<f8", "fortran_order": False, "shape": (n, n_channels)}
            np.lib.format.write_array_header_1_0(file, header)

        write_header()
        for piece in _until_ctrl_c(pieces):
            rows = decoder.feed(piece)
            file.write(rows.astype("<f8").tobytes())
            n += len(rows)
        file.seek(0)
        write_header()
    return path


def _until_ctrl_c(pieces: Iterable[bytes]) -> Iterable[bytes]:
    try:
        yield from pieces
    except KeyboardInterrupt:
        return
