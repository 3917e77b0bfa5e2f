"""Picture files that are not what they should be."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header announces a size that its data don't have."""
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "PNG")
    content = buffer.getvalue()
    header = content[12:16] + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def truncated(kind: str) -> bytes:
    """The first half of a picture's file."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format=kind)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]
