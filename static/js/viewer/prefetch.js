// Brings the next case's images into the browser's cache while the present one is being read.
//
// It opens images only: no page, no clock. The server decides whether there is a next case to be fetched
// and gives the right to its images with the page (`config.prefetch`).

import { singlePart } from "./multipart.js";

const LIMIT_BYTES = 250 * 1024 * 1024;
const ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax=*';

/**
 * Fetch metadata and frames, one at a time and at low priority, those first that the reader sees first.
 *
 * @param {{dicomweb: string, series: {study_uid: string, series_uid: string}[]}|undefined} next
 * @param {AbortSignal} signal Ends it, e.g. when the page is left.
 * @returns {Promise<{images: number, bytes: number}>} What was fetched; failures end it silently, because
 *   the next page asks for itself.
 */
export async function prefetch(next, signal) {
  const done = { images: 0, bytes: 0 };
  if (!next?.dicomweb || navigator.connection?.saveData) return done;
  const ask = (url, accept) =>
    fetch(url, { headers: { Accept: accept }, credentials: "same-origin", priority: "low", signal });
  try {
    const series = [];
    for (const { study_uid: study, series_uid: uid } of next.series) {
      const address = `${next.dicomweb.replace(/\/$/, "")}/studies/${study}/series/${uid}`;
      const answer = await ask(`${address}/metadata`, "application/dicom+json");
      if (!answer.ok) return done;
      const instances = (await answer.json()).map((dataset) => ({
        uid: dataset["00080018"]?.Value?.[0],
        frames: Number(dataset["00280008"]?.Value?.[0] ?? 1),
      }));
      series.push({ address, frames: instances.flatMap(({ uid: sop, frames }) => numbered(sop, frames)) });
    }
    for (const { address, path } of fromTheMiddle(series)) {
      const answer = await ask(`${address}/${path}`, ACCEPT);
      if (!answer.ok) return done;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      singlePart(answer.headers.get("Content-Type"), bytes);
      done.images += 1;
      done.bytes += bytes.length;
      if (done.bytes > LIMIT_BYTES) break;
    }
  } catch {
    // Offline, left, or a damaged answer: the next page will meet it and say so.
  }
  return done;
}

function numbered(sop, frames) {
  return Array.from({ length: frames }, (_, i) => `instances/${sop}/frames/${i + 1}`);
}

/** Frames of all series in turn, from the middle of each outwards: the first view is a middle image. */
export function fromTheMiddle(series) {
  const order = series.map(({ address, frames }) => {
    const middle = (frames.length - 1) / 2;
    return frames
      .map((path, i) => ({ address, path, away: Math.abs(i - middle) }))
      .sort((a, b) => a.away - b.away)
      .map(({ address: at, path }) => ({ address: at, path }));
  });
  const longest = Math.max(0, ...order.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => order.map((list) => list[i]).filter(Boolean)).flat();
}
