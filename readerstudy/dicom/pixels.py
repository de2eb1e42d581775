"""Pixels of an image object as plain arrays, and as one ready frame each."""

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from readerstudy.dicom.limits import Limits
from readerstudy.dicom.refusal import Refused
from readerstudy.dicom.values import raw_of, transfer_syntax_of, value_of

Frame = NDArray[Any]
FrameSyntax = Literal["htj2k", "jpeg-ls", "explicit-le"]

#: Transfer syntax UID of each form in which frames are kept.
FRAME_SYNTAX_UID: dict[str, str] = {
    "htj2k": "1.2.840.10008.1.2.4.201",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "explicit-le": "1.2.840.10008.1.2.1",
}

_NATIVE = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
    }
)
_DECODERS: dict[str, Callable[[bytes], Frame]] = {
    uid.JPEGLossless: imagecodecs.jpeg_decode,
    uid.JPEGLosslessSV1: imagecodecs.jpeg_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    uid.JPEG2000: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLossless: imagecodecs.htj2k_decode,
    uid.HTJ2KLosslessRPCL: imagecodecs.htj2k_decode,
    # Not htj2k_decode: it wraps past white and black around where lossy values overshoot (2026.3.6).
    uid.HTJ2K: imagecodecs.jpeg2k_decode,
}
_ENCAPSULATED = frozenset({*_DECODERS, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit})
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")


@dataclass(frozen=True)
class PixelForm:
    """
    How the pixels of an object are laid down, checked.

    Parameters
    ----------
    rows, columns, frames : int
        Size in pixels, number of frames.
    samples : int
        1 (grey or palette) or 3 (colour).
    photometric : str
        Photometric interpretation as the file states it.
    bits_allocated, bits_stored, high_bit : int
        As in PS3.3 C.7.6.3; 8 or 16 allocated.
    signed : bool
        Two's complement values.
    planar : bool
        Colour planes one after another (native objects only).
    """

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool


def _integer(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    value = value_of(dataset, keyword)
    if value is None or value == "":
        if default is None:
            raise Refused(f"the file does not state {keyword}")
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{keyword} is not a whole number") from None


def pixel_form(dataset: Dataset, limits: Limits) -> PixelForm:
    """
    Return how the pixels are laid down.

    Raises
    ------
    Refused
        If the attributes contradict each other, exceed the limits or describe no integer image.
    """
    rows, columns = _integer(dataset, "Rows"), _integer(dataset, "Columns")
    frames = _integer(dataset, "NumberOfFrames", 1)
    if rows < 1 or columns < 1:
        raise Refused("the image has no rows or no columns")
    if rows > 32767 or columns > 32767 or rows * columns > limits.pixels_per_frame:
        raise Refused("the image claims more pixels than the limit")
    if frames < 1 or frames > limits.frames:
        raise Refused("the number of frames is below 1 or above the limit")
    samples = _integer(dataset, "SamplesPerPixel")
    photometric = str(value_of(dataset, "PhotometricInterpretation") or "")
    if samples == 1 and photometric not in (*_MONOCHROME, "PALETTE COLOR"):
        raise Refused("one sample a pixel, but no grey or palette interpretation")
    if samples == 3 and photometric not in _COLOUR:
        raise Refused("three samples a pixel, but no supported colour interpretation")
    if samples not in (1, 3):
        raise Refused("the number of samples a pixel is neither 1 nor 3")
    allocated, stored = _integer(dataset, "BitsAllocated"), _integer(dataset, "BitsStored")
    high_bit = _integer(dataset, "HighBit", stored - 1)
    if allocated not in (8, 16):
        raise Refused("pixels are not of 8 or 16 allocated bits")
    if not 1 <= stored <= allocated or not stored - 1 <= high_bit < allocated:
        raise Refused("stored bits and high bit do not fit the allocated bits")
    if samples == 3 and allocated != 8:
        raise Refused("colour images of more than 8 bits are not supported")
    representation = _integer(dataset, "PixelRepresentation", 0)
    if representation not in (0, 1):
        raise Refused("the pixel representation is neither 0 nor 1")
    return PixelForm(
        rows=rows,
        columns=columns,
        frames=frames,
        samples=samples,
        photometric=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=representation == 1 and samples == 1,
        planar=samples == 3 and _integer(dataset, "PlanarConfiguration", 0) == 1,
    )


def _stored_values(array: Frame, form: PixelForm) -> Frame:
    """Return `array` with only the stored bits: nothing (an overlay) hides beside them."""
    shift = form.high_bit + 1 - form.bits_stored
    full = form.bits_allocated
    kind = f"{'i' if form.signed else 'u'}{full // 8}"
    if form.bits_stored == full:
        return np.ascontiguousarray(array).view(kind)
    unsigned = np.ascontiguousarray(array).view(f"u{full // 8}")
    if form.signed:
        # Up to the top, then back arithmetically: the sign fills the unused bits.
        lifted: Frame = (unsigned << (full - 1 - form.high_bit)).view(kind)
        return lifted >> (full - form.bits_stored)
    top = (1 << form.bits_stored) - 1
    masked: Frame = (unsigned >> shift) & np.asarray(top, dtype=unsigned.dtype)
    return masked


def _native_frames(dataset: Dataset, form: PixelForm) -> Iterator[Frame]:
    # The bytes as they lie; to ask pydicom for their value costs more than to read them.
    element = raw_of(dataset, "PixelData")
    data: Any = element.value if element is not None else b""
    cell = form.bits_allocated // 8
    subsampled = form.photometric == "YBR_FULL_422"
    pixels = form.rows * form.columns
    frame_bytes = pixels * cell * (2 if subsampled else form.samples)
    if len(data) < frame_bytes * form.frames:
        raise Refused("the pixels are shorter than the header says")
    big = transfer_syntax_of(dataset) == uid.ExplicitVRBigEndian
    for number in range(form.frames):
        raw = np.frombuffer(data, dtype=f"{'>' if big else '<'}u{cell}", count=frame_bytes // cell,
                            offset=number * frame_bytes)  # fmt: skip
        if big and cell == 1 and dataset["PixelData"].VR == "OW":
            # 8-bit pixels written as big-endian words are swapped in pairs (PS3.5 annex A.3).
            raw = raw[: raw.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
        raw = raw.astype(f"u{cell}", copy=False)
        if subsampled:
            if form.columns % 2:
                raise Refused("4:2:2 colour with an odd number of columns")
            quads = raw.reshape(form.rows, form.columns // 2, 4)
            luma = quads[..., :2].reshape(form.rows, form.columns)
            blue, red = (np.repeat(quads[..., k], 2, axis=1) for k in (2, 3))
            yield np.stack([luma, blue, red], axis=-1)
        elif form.samples == 1:
            yield raw.reshape(form.rows, form.columns)
        elif form.planar:
            yield np.moveaxis(raw.reshape(3, form.rows, form.columns), 0, -1)
        else:
            yield raw.reshape(form.rows, form.columns, 3)


def _rle_frame(data: bytes, form: PixelForm) -> Frame:
    """Return one RLE frame (PS3.5 annex G): a byte plane per segment, most significant first."""
    if len(data) < 64:
        raise Refused("the RLE frame is shorter than its header")
    segments, *offsets = struct.unpack("<16L", data[:64])
    cell = form.bits_allocated // 8
    if segments != cell * form.samples:
        raise Refused("the RLE frame has another number of segments than the header says")
    ends = [*offsets[1:segments], len(data)]
    pixels = form.rows * form.columns
    out = np.empty((form.samples, pixels, cell), dtype=np.uint8)
    for number, (start, end) in enumerate(zip(offsets[:segments], ends, strict=True)):
        if not 64 <= start < end <= len(data):
            raise Refused("the RLE frame points outside itself")
        plane = imagecodecs.packbits_decode(data[start:end])
        if len(plane) < pixels:
            raise Refused("the RLE frame ends early")
        sample, byte = divmod(number, cell)
        out[sample, :, cell - 1 - byte] = np.frombuffer(plane, dtype=np.uint8, count=pixels)
    words = out.view(f"<u{cell}").reshape(form.samples, form.rows, form.columns)
    return words[0] if form.samples == 1 else np.moveaxis(words, 0, -1)


def _decoded(data: bytes, syntax: str, form: PixelForm) -> Frame:
    if syntax == uid.RLELossless:
        return _rle_frame(data, form)
    if syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit):
        if form.samples == 1:
            return imagecodecs.jpeg_decode(data)
        stated = "RGB" if form.photometric == "RGB" else "YCbCr"
        return imagecodecs.jpeg_decode(data, colorspace=stated, outcolorspace="RGB")
    return _DECODERS[syntax](data)


def _encapsulated_frames(dataset: Dataset, form: PixelForm) -> Iterator[Frame]:
    syntax = transfer_syntax_of(dataset)
    shape = (form.rows, form.columns) if form.samples == 1 else (form.rows, form.columns, 3)
    table = value_of(dataset, "ExtendedOffsetTable")
    lengths = value_of(dataset, "ExtendedOffsetTableLengths")
    extended = (table, lengths) if table and lengths else None
    count = 0
    for data in generate_frames(dataset.PixelData, number_of_frames=form.frames, extended_offsets=extended):
        try:
            array = _decoded(data, syntax, form)
        except (Refused, MemoryError):
            raise
        except Exception:
            raise Refused("the compressed pixels are damaged") from None
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[..., 0]
        if array.shape != shape:
            raise Refused("the compressed frame has another size than the header says")
        if array.dtype.itemsize * 8 > form.bits_allocated:
            raise Refused("the compressed frame has more bits than the header says")
        if array.dtype.itemsize * 8 < form.bits_allocated:
            array = array.astype(f"{array.dtype.kind}{form.bits_allocated // 8}")
        yield array
        count += 1
        if count == form.frames:
            break
    if count < form.frames:
        raise Refused("the file holds fewer frames than the header says")


def _palette(dataset: Dataset) -> tuple[int, NDArray[np.uint8]]:
    """Return the first mapped value and the colours, shape (n, 3)."""
    columns = []
    for colour in ("Red", "Green", "Blue"):
        descriptor = value_of(dataset, f"{colour}PaletteColorLookupTableDescriptor")
        data = value_of(dataset, f"{colour}PaletteColorLookupTableData")
        if descriptor is None or data is None or len(descriptor) != 3:
            raise Refused("a palette image without its colour tables")
        count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
        wide = len(data) >= 2 * count
        table = np.frombuffer(data, dtype="<u2" if wide else "u1")[:count]
        if len(table) < count:
            raise Refused("a palette image whose colour tables are too short")
        columns.append((table >> 8 if wide and bits == 16 else table).astype(np.uint8))
    if len({len(column) for column in columns}) != 1:
        raise Refused("a palette image whose colour tables differ in length")
    return first, np.stack(columns, axis=-1)


def _ybr_to_rgb(array: Frame) -> NDArray[np.uint8]:
    """Return RGB of full-range YCbCr (PS3.3 C.7.6.3.1.2), rounded."""
    y, cb, cr = (array[..., k].astype(np.float32) for k in range(3))
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    rgb: NDArray[np.uint8] = np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)
    return rgb


def frames_of(dataset: Dataset, form: PixelForm) -> Iterator[Frame]:
    """
    Yield the frames in order.

    Yields
    ------
    ndarray
        Grey: shape (rows, columns), 8 or 16 bit, signed as stated, only the stored bits. Colour and
        palette: shape (rows, columns, 3), uint8, RGB.

    Raises
    ------
    Refused
        If the pixels are short, damaged, or of a transfer syntax that cannot be decoded.
    """
    syntax = transfer_syntax_of(dataset)
    native = syntax in _NATIVE
    if not native and syntax not in _ENCAPSULATED:
        raise Refused("the pixels are encoded in a way that cannot be decoded here (transfer syntax)")
    palette = _palette(dataset) if form.photometric == "PALETTE COLOR" else None
    # JPEG, JPEG 2000 and HTJ2K decoders return RGB already; native, RLE and JPEG-LS keep YBR.
    keeps_ybr = native or syntax in (uid.RLELossless, uid.JPEGLSLossless, uid.JPEGLSNearLossless,
                                     uid.JPEGLossless, uid.JPEGLosslessSV1)  # fmt: skip
    for array in _native_frames(dataset, form) if native else _encapsulated_frames(dataset, form):
        if form.samples == 3:
            rgb = array.astype(np.uint8, copy=False)
            ybr = form.photometric in ("YBR_FULL", "YBR_FULL_422") and keeps_ybr
            yield _ybr_to_rgb(rgb) if ybr else np.ascontiguousarray(rgb)
            continue
        values = _stored_values(array, form)
        if palette is not None:
            first, colours = palette
            index = np.clip(values.astype(np.int32) - first, 0, len(colours) - 1)
            yield colours[index]
        else:
            yield values


def encode_frame(array: Frame, syntax: FrameSyntax, bits_stored: int) -> bytes:
    """
    Return one frame, losslessly encoded.

    Parameters
    ----------
    array : ndarray
        A frame from `frames_of`.
    syntax : {"htj2k", "jpeg-ls", "explicit-le"}
        Form; see `FRAME_SYNTAX_UID`.
    bits_stored : int
        Stored bits, kept in JPEG-LS headers.
    """
    if syntax == "explicit-le":
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    if syntax == "jpeg-ls":
        if array.dtype.kind == "i":
            # JPEG-LS has no sign: the bits are what counts (PS3.5 8.2.3).
            array = array.view(f"u{array.dtype.itemsize}")
        return bytes(imagecodecs.jpegls_encode(array))
    return bytes(imagecodecs.htj2k_encode(array))


def decode_frame(data: bytes, syntax_uid: str, *, shape: tuple[int, ...], dtype: str) -> Frame:
    """
    Return the array of a frame that `encode_frame` wrote.

    Parameters
    ----------
    data : bytes
        One encoded frame.
    syntax_uid : str
        Its transfer syntax UID.
    shape : tuple of int
        (rows, columns) or (rows, columns, 3).
    dtype : str
        NumPy type such as ``"<i2"``.
    """
    if syntax_uid == FRAME_SYNTAX_UID["explicit-le"]:
        return np.frombuffer(data, dtype=dtype).reshape(shape)
    decode = (
        imagecodecs.htj2k_decode if syntax_uid == FRAME_SYNTAX_UID["htj2k"] else imagecodecs.jpegls_decode
    )
    array: Frame = decode(data)
    return np.ascontiguousarray(array).view(dtype).reshape(shape)


class PixelDigest:
    """SHA-256 over shape, kind and values of all frames: equal for equal pixels, however encoded."""

    def __init__(self, form: PixelForm) -> None:
        kind = "RGB" if form.samples == 3 or form.photometric == "PALETTE COLOR" else form.photometric
        self._hash = hashlib.sha256(f"{form.rows}x{form.columns}x{form.frames} {kind} {form.signed}".encode())

    def update(self, array: Frame) -> None:
        """Add one frame."""
        self._hash.update(np.ascontiguousarray(array).data)

    def hexdigest(self) -> str:
        """Return the digest, 64 hexadecimal digits."""
        return self._hash.hexdigest()
