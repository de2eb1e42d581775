// The protocol's editor: what is wrong, by line, while one writes. The server checks; nothing is written.

import { t } from "../viewer/texts.js";

const AFTER_MS = 600;

export function startProtocolEditor() {
  const form = document.querySelector("form[data-check]");
  if (!form) return;
  const source = form.elements.source;
  const list = form.querySelector("[data-problems]");
  const verdict = form.querySelector("[data-verdict]");
  let timer = 0;
  let asked = 0;
  const check = async () => {
    const mine = (asked += 1);
    let body;
    try {
      const response = await fetch(form.dataset.check, {
        method: "POST",
        credentials: "same-origin",
        headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json" },
        body: new URLSearchParams({ source: source.value }),
      });
      body = await response.json();
    } catch {
      verdict.textContent = t("No connection. The file was not checked.");
      return;
    }
    // A later question was asked meanwhile: its answer counts.
    if (mine !== asked) return;
    list.replaceChildren(...body.problems.map((problem) => {
      const item = document.createElement("li");
      item.textContent = problem.said;
      if (problem.line) {
        const go = document.createElement("button");
        go.type = "button";
        go.className = "quiet";
        go.textContent = t("Go there");
        go.addEventListener("click", () => goTo(source, problem.line));
        item.append(" ", go);
      }
      return item;
    }));
    const n = body.problems.length;
    if (n) verdict.textContent = n === 1 ? t("1 problem") : t("{n} problems", { n });
    else verdict.textContent = t("No problem. Version {version}, {n} items, SHA-256 {digest}", { version: body.version, n: body.n_items, digest: body.digest.slice(0, 16) });
  };
  source.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(check, AFTER_MS);
  });
  // An empty field is a beginning, not a fault.
  if (source.value.trim()) check();
}

function goTo(field, line) {
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  field.focus();
  field.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  field.scrollTop = ((line - 5) / lines.length) * field.scrollHeight;
}
