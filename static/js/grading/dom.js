// Making elements without any HTML in strings.

import { csrfToken } from "../csrf.js";
import { t } from "../viewer/texts.js";

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: attributes, `on...` handlers, and children (nodes or text). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const PATHS = {
  check: "M3 8.5l3.2 3.2L13 4.8",
  clock: "M8 4.5V8l2.4 1.6M8 14A6 6 0 108 2a6 6 0 000 12z",
  cloud: "M4.8 12.5h6.4a2.6 2.6 0 00.3-5.2A3.9 3.9 0 004 6.6a3 3 0 00.8 5.9z",
  fork: "M8 14V9M8 9L4 4M8 9l4-5",
  alert: "M8 3l6 10.5H2L8 3zM8 7v3M8 11.6v.4",
  return: "M6.5 3.5L3 7l3.5 3.5M3 7h6.5a3.5 3.5 0 010 7H7",
  scales: "M8 3v10M5 13h6M3 5h10M3 5l-1.6 4h3.2L3 5zM13 5l-1.6 4h3.2L13 5z",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export const cap = (text) => make("kbd", {}, text);

/** What is said where the server sends a request to the page for signing in: the session is over, nothing was done. */
export const signedOut = () => ({
  detail: t("You are signed out. Nothing was sent; sign in again in another tab, then try once more."),
});

/** POST JSON with the CSRF token; resolves with status and body, rejects when there is no connection. */
export async function post(address, body, { keepalive = false } = {}) {
  const response = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    keepalive,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken(), Accept: "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
    redirect: "manual",
  });
  if (response.type === "opaqueredirect") return { status: 401, body: signedOut() };
  const text = await response.text();
  let parsed = {};
  try {
    parsed = text ? JSON.parse(text) : {};
  } catch {
    parsed = {};
  }
  return { status: response.status, body: parsed };
}

/**
 * POST what ends the case on this page when it succeeds: the viewer asks for no image from here on, unless the
 * case stays.
 *
 * @param {() => Promise<object>} send
 * @param {(answer: object) => boolean} ended Whether the answer means that the case has ended.
 */
export async function endingCase(send, ended) {
  announce("rs:case-ends");
  let isOver = false;
  try {
    const answer = await send();
    isOver = ended(answer);
    return answer;
  } finally {
    if (!isOver) announce("rs:case-stays");
  }
}

export function readConfig(element) {
  return JSON.parse(document.getElementById(element.dataset.config).textContent);
}

export function announce(name, detail = {}) {
  document.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
}

/** The list of keys, with the way to change them beside the one to close it; reading goes on in its own window. */
export function helpDialog(title, rows, closeText) {
  const change = document.querySelector("a[data-change-keys]");
  const dialog = make(
    "dialog",
    { "aria-label": title },
    make("h2", {}, title),
    make("dl", { class: "key-list" }, ...rows.flatMap(([caps, words]) => [make("dt", {}, ...caps.map(cap)), make("dd", {}, words)])),
    make("div", { class: "dialog-actions" }, ...(change ? [make("a", { class: "button", href: change.href, target: "_blank", rel: "noopener" }, change.textContent)] : []), make("button", { class: "button", type: "button", autofocus: true, onclick: () => dialog.close() }, closeText, cap("Esc"))),
  );
  document.body.append(dialog);
  return dialog;
}
