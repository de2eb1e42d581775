// Brings the next case's images into the browser's cache while the present one is being read.
//
// It opens images only: no page, no clock. The server decides whether there is a next case to be fetched
// and gives the right to its images with the page (`config.prefetch`).

import { singlePart } from "./multipart.js";
import { ask } from "./requests.js";

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
  const get = (url, accept, read) => ask(url, { accept, signal, priority: "low" }, read);
  try {
    const series = [];
    for (const { study_uid: study, series_uid: uid } of next.series) {
      const address = `${next.dicomweb.replace(/\/$/, "")}/studies/${study}/series/${uid}`;
      const datasets = await get(`${address}/metadata`, "application/dicom+json", (answer) => answer.json());
      const instances = datasets.map((dataset) => ({
        uid: dataset["00080018"]?.Value?.[0],
        frames: Number(dataset["00280008"]?.Value?.[0] ?? 1),
      }));
      series.push({ address, frames: instances.flatMap(({ uid: sop, frames }) => numbered(sop, frames)) });
    }
    for (const { address, path } of fromTheMiddle(series)) {
      done.bytes += await get(`${address}/${path}`, ACCEPT, checked);
      done.images += 1;
      if (done.bytes > LIMIT_BYTES) break;
    }
  } catch {
    // Offline, left, refused, or a damaged answer: the next page will meet it and say so.
  }
  return done;
}

/** Length of an answer that holds one image. */
async function checked(answer) {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  singlePart(answer.headers.get("Content-Type"), bytes);
  return bytes.length;
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
