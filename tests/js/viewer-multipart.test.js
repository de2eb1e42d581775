import assert from "node:assert/strict";
import test from "node:test";
import { BrokenAnswer, crc32, headerParameter, sealOf, singlePart } from "../../static/js/viewer/multipart.js";

const encoder = new TextEncoder();
const type = 'multipart/related; type="application/octet-stream"; boundary=abc';
const payload = Uint8Array.from([0, 1, 13, 10, 45, 45, 97, 98, 255]); // holds CR LF and dashes
function answer(headers, body = payload, end = "\r\n--abc--\r\n") {
  const head = encoder.encode(`--abc\r\n${headers}\r\n\r\n`);
  const tail = encoder.encode(end);
  return Uint8Array.from([...head, ...body, ...tail]);
}

test("the part comes out whole, with its transfer syntax", () => {
  const part = singlePart(type, answer('Content-Type: application/octet-stream; transfer-syntax="1.2.3"'));
  assert.deepEqual([...part.bytes], [...payload]);
  assert.equal(part.transferSyntax, "1.2.3");
});

test("a stated length is believed only when the boundary follows it", () => {
  const right = `Content-Type: image/jls\r\nContent-Length: ${payload.length}`;
  assert.deepEqual([...singlePart(type, answer(right)).bytes], [...payload]);
  for (const length of [payload.length - 1, payload.length + 1, 0, 1e9]) {
    assert.throws(() => singlePart(type, answer(`Content-Type: image/jls\r\nContent-Length: ${length}`)), BrokenAnswer);
  }
});

test("cut answers are refused wherever they are cut", () => {
  const whole = answer("Content-Type: image/jls");
  const needed = whole.length - 4; // the final dashes and line end are not needed to know the part
  for (let length = 0; length < needed; length += 1) {
    assert.throws(() => singlePart(type, whole.subarray(0, length)), BrokenAnswer, `cut at ${length}`);
  }
});

test("an answer that is not images is refused; a bare frame is taken", () => {
  assert.throws(() => singlePart("text/html", payload), BrokenAnswer);
  assert.throws(() => singlePart(null, payload), BrokenAnswer);
  assert.throws(() => singlePart("multipart/related", payload), BrokenAnswer);
  assert.equal(singlePart("application/octet-stream; transfer-syntax=1.2", payload).transferSyntax, "1.2");
});

test("header parameters, quoted or not", () => {
  assert.equal(headerParameter('a/b; x="1;2"; y=3', "x"), "1;2");
  assert.equal(headerParameter('a/b; x="1;2"; y=3', "y"), "3");
  assert.equal(headerParameter("a/b", "y"), undefined);
});

test("the check sum is CRC-32, and depends on whose bytes they are", () => {
  assert.equal(crc32(encoder.encode("123456789")), 0xcbf43926); // the check value of ISO 3309
  assert.equal(crc32(encoder.encode("6789"), crc32(encoder.encode("12345"))), 0xcbf43926);
  assert.equal(sealOf("2.25.1", 1, payload), crc32(Uint8Array.from([...encoder.encode("2.25.1/1\n"), ...payload])));
  assert.notEqual(sealOf("2.25.1", 1, payload), sealOf("2.25.2", 1, payload));
  assert.notEqual(sealOf("2.25.1", 1, payload), sealOf("2.25.1", 2, payload));
});
