// The results page: draws the charts from the numbers that the page carries, and keeps the filters in the address.
import { agreementOption } from "./analysis/agreement.js";
import { confusionOption } from "./analysis/confusion.js";
import { differenceOption, sharedRange } from "./analysis/difference.js";
import { init } from "./analysis/echarts.js";
import { calibrationOption } from "./analysis/calibration.js";
import { forestOption, subgroupsOption } from "./analysis/forest.js";
import { precisionOption } from "./analysis/precision.js";
import { localisationOption } from "./analysis/localisation.js";
import { rocOption } from "./analysis/roc.js";
import { compose, savePng, saveSvg } from "./analysis/save.js";
import { timesOption } from "./analysis/times.js";
import { theme } from "./analysis/theme.js";

document.documentElement.classList.add("scripted");

const BUILDERS = {
  roc: rocOption,
  times: timesOption,
  precision: precisionOption,
  agreement: agreementOption,
  confusion: confusionOption,
  forest: forestOption,
  subgroups: subgroupsOption,
  calibration: calibrationOption,
  localisation: (data, colours, width, element) => localisationOption(data, element.dataset.curve, colours, width),
  difference: (data, colours, width, element) => differenceOption(data, element.dataset.measure, colours, sharedRange(data)),
};

function draw(element, data, colours) {
  const built = BUILDERS[element.dataset.chart](data, colours, element.clientWidth, element);
  element.chart?.dispose();
  element.chart = null;
  element.replaceChildren();
  if (built.reason) {
    const words = document.createElement("p");
    words.className = "chart-reason";
    words.textContent = built.reason;
    element.append(words);
  } else {
    if (built.height) element.style.height = `${built.height}px`;
    element.chart = init(element, null, { renderer: "svg" });
    element.chart.setOption(built.option);
  }
  element.dataset.ready = "yes";
}

function drawAll() {
  const holder = document.getElementById("chart-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const colours = theme();
  const charts = [...document.querySelectorAll("[data-chart]")];
  charts.forEach((element) => draw(element, data, colours));
  let width = document.documentElement.clientWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => charts.forEach((element) => draw(element, data, colours)));
  });
  document.documentElement.dataset.chartsReady = "yes";
}

function fileOf(card) {
  const element = card.querySelector("[data-chart]");
  if (!element.chart) return null;
  const words = (selector) => card.querySelector(selector)?.textContent.trim().replace(/\s+/g, " ") ?? "";
  const source = document.querySelector(".page-source")?.textContent.trim().replace(/\s+/g, " ") ?? "";
  const colours = theme();
  return compose({
    drawing: element.chart.renderToSVGString(),
    width: element.clientWidth,
    height: element.clientHeight,
    title: words("h2"),
    subtitle: words(".card-fact"),
    foot: `${words(".chart-source")} ${source}`,
    font: colours.font,
    colours,
  });
}

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-table-toggle]");
  if (toggle) {
    const table = document.getElementById(toggle.getAttribute("aria-controls"));
    table.hidden = !table.hidden;
    toggle.setAttribute("aria-expanded", String(!table.hidden));
    return;
  }
  const save = event.target.closest("[data-save]");
  if (save) {
    const card = save.closest("[data-block]");
    const file = fileOf(card);
    if (!file) return;
    const name = `${card.dataset.block}-${new URLSearchParams(location.search).get("finding") ?? "plan"}`;
    if (save.dataset.save === "svg") saveSvg(file, name);
    else savePng(file, name);
  }
});

document.querySelectorAll("form[data-auto-submit]").forEach((form) => {
  form.addEventListener("change", (event) => {
    // Another finding has its own scale and its own cut in the plan.
    if (event.target.name === "finding") form.querySelector("[name=cut]")?.setAttribute("disabled", "");
    form.requestSubmit();
  });
});

function follow(card) {
  const words = card.querySelector("[data-progress-text]");
  const bar = card.querySelector("progress");
  const ask = async () => {
    try {
      const answer = await fetch(card.dataset.snapshotProgress, { headers: { Accept: "application/json" } });
      const { state, done, total } = await answer.json();
      if (state === "done" || state === "failed") {
        location.reload();
        return;
      }
      if (total) {
        bar.max = total;
        bar.value = done;
        words.textContent = `${done} / ${total}`;
      }
    } catch {
      // The server is away for a moment; the next question tells.
    }
    setTimeout(ask, 1000);
  };
  ask();
}

/** Fill in the figures with a bootstrap interval when the server has computed them. */
async function fillResampled(holder) {
  const put = (words) => {
    for (const place of document.querySelectorAll("[data-resampled-words]")) place.textContent = words[place.dataset.resampledWords].words;
    const body = holder.querySelector("[data-resampled-rows]");
    if (words.matched.length) body.replaceChildren(...words.matched.map(matchedRow));
    else body.querySelector("td").textContent = "–";
    holder.dataset.resampledReady = "yes";
  };
  try {
    const answer = await fetch(holder.dataset.resampled, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    put((await answer.json()).words);
  } catch {
    // The words "is being computed" stay; opening the page again asks again.
    holder.dataset.resampledReady = "no";
  }
}

function matchedRow(row) {
  const line = document.createElement("tr");
  line.dataset.who = row.code;
  const cell = (text, isName) => {
    const made = line.insertCell();
    made.className = isName ? "name" : "number";
    made.textContent = text;
    return made;
  };
  cell(row.code, true);
  for (const text of [row.specificity, row.sensitivity, row.model]) cell(text, false);
  const test = document.createElement("span");
  test.className = "cell-interval";
  test.textContent = row.test;
  cell(row.difference, false).append(test);
  return line;
}

document.querySelectorAll("[data-resampled]").forEach(fillResampled);
document.querySelectorAll("[data-snapshot-progress]").forEach(follow);
drawAll();
