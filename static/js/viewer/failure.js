// Why an image is missing.

/** Why an image is missing, as a code that the page can put into words. */
export class ImageFailure extends Error {
  /**
   * @param {"connection"|"slow"|"gone"|"refused"|"server"|"damaged"} reason
   * @param {string} detail For the console; never shown to a reader.
   */
  constructor(reason, detail) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
  }
}

const OF_STATUS = { 401: "refused", 403: "refused", 404: "gone", 410: "gone" };

/** What an answer that is no image means. */
export function failureOfStatus(status) {
  return new ImageFailure(OF_STATUS[status] ?? "server", `status ${status}`);
}
