// One part of a multipart/related answer (RFC 2387, PS3.18 8.6.1), taken out with distrust. Pure.

export class BrokenAnswer extends Error {}

const text = (bytes) => String.fromCharCode(...bytes);

function find(bytes, pattern, from, to = bytes.length) {
  outer: for (let i = from; i <= to - pattern.length; i += 1) {
    for (let j = 0; j < pattern.length; j += 1) if (bytes[i + j] !== pattern[j]) continue outer;
    return i;
  }
  return -1;
}

const ascii = (string) => Uint8Array.from(string, (c) => c.charCodeAt(0));

/** Parameter of a header value, e.g. boundary or transfer-syntax; undefined when absent. */
export function headerParameter(header, name) {
  const match = new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*("([^"]*)"|[^;]*)`, "i").exec(header ?? "");
  return match ? (match[2] ?? match[1]).trim() : undefined;
}

/**
 * The single frame of an answer.
 *
 * @param {string} contentType Content-Type of the answer.
 * @param {Uint8Array} bytes Its body.
 * @returns {{bytes: Uint8Array, contentType: string, transferSyntax: string|undefined}}
 * @throws {BrokenAnswer} If boundary, headers, closing boundary or the stated length do not hold.
 */
export function singlePart(contentType, bytes) {
  if (!/^multipart\/related/i.test(contentType ?? "")) {
    if (/^(application\/octet-stream|image\/)/i.test(contentType ?? "")) {
      return { bytes, contentType, transferSyntax: headerParameter(contentType, "transfer-syntax") };
    }
    throw new BrokenAnswer(`unexpected content type ${contentType || "(none)"}`);
  }
  const boundary = headerParameter(contentType, "boundary");
  if (!boundary) throw new BrokenAnswer("no boundary");
  const delimiter = ascii(`--${boundary}`);
  const start = find(bytes, delimiter, 0, Math.min(bytes.length, 1024 + delimiter.length));
  if (start < 0) throw new BrokenAnswer("first boundary missing");
  const headerStart = start + delimiter.length + 2;
  const headerEnd = find(bytes, ascii("\r\n\r\n"), start + delimiter.length, Math.min(bytes.length, headerStart + 4096));
  if (headerEnd < 0) throw new BrokenAnswer("part headers missing");
  const headers = {};
  for (const line of text(bytes.subarray(headerStart, Math.max(headerStart, headerEnd))).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  const bodyStart = headerEnd + 4;
  const closing = ascii(`\r\n--${boundary}`);
  const stated = headers["content-length"];
  let bodyEnd;
  if (stated !== undefined) {
    bodyEnd = bodyStart + Number(stated);
    if (find(bytes, closing, bodyEnd, Math.min(bytes.length, bodyEnd + closing.length)) !== bodyEnd) {
      throw new BrokenAnswer("the part is not as long as it says");
    }
  } else {
    // Search from the end: compressed data may hold anything.
    bodyEnd = -1;
    for (let i = bytes.length - closing.length; i >= bodyStart; i -= 1) {
      if (find(bytes, closing, i, i + closing.length) === i) {
        bodyEnd = i;
        break;
      }
    }
    if (bodyEnd < 0) throw new BrokenAnswer("closing boundary missing");
  }
  const partType = headers["content-type"] ?? "application/octet-stream";
  return {
    bytes: bytes.subarray(bodyStart, bodyEnd),
    contentType: partType,
    transferSyntax: headerParameter(partType, "transfer-syntax") ?? headerParameter(contentType, "transfer-syntax"),
  };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (ISO 3309) of bytes, going on from `crc`. */
export function crc32(bytes, crc = 0) {
  let c = ~crc;
  for (let i = 0; i < bytes.length; i += 1) c = CRC_TABLE[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/** The check sum that binds the encoded pixels of a frame to its place, as the series' metadata state it. */
export function sealOf(sopUid, frame, bytes) {
  return crc32(bytes, crc32(ascii(`${sopUid}/${frame}\n`)));
}
