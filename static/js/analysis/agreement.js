// Weighted kappa between readers and with the reference: dots with whiskers, words at the right.
import { fill, interval, number } from "./format.js";
import { axisRange, decimals, whiskers } from "./intervals.js";
import { SHAPES } from "./theme.js";

const ROW = 30;

function rowsOf(data, colours) {
  const { text } = data;
  const { agreement, readers } = data.figures;
  const shapeOf = Object.fromEntries(readers.map((reader, place) => [reader.code, SHAPES[place % SHAPES.length]]));
  const rows = [];
  const words = (estimate) =>
    estimate.value === null ? text.notEstimable : `{v|${number(estimate.value, 2)}} {i|${interval(estimate, text.to) || text.noInterval}}`;
  if (agreement.between_readers.length) {
    rows.push({ heading: text.betweenReaders });
    for (const pair of agreement.between_readers) {
      const label = fill(text.and, pair);
      if (pair.refused) rows.push({ label, value: null, words: text.differentCases });
      else rows.push({ label, ...pair.kappa, words: words(pair.kappa), colour: colours.text3, shape: "circle" });
    }
  }
  if (agreement.with_reference.length) {
    rows.push({ heading: text.withReference });
    for (const row of agreement.with_reference) {
      rows.push({
        label: row.kind === "model" ? text.model : row.code,
        ...row.kappa,
        words: words(row.kappa),
        colour: row.kind === "model" ? colours.model : colours.readers,
        shape: row.kind === "model" ? "circle" : shapeOf[row.code],
      });
    }
  }
  return rows;
}

export function agreementOption(data, colours) {
  const rows = rowsOf(data, colours);
  if (rows.length === 0) return { reason: data.text.notEstimable };
  const drawn = rows.map((row) => ({ value: null, low: null, high: null, ...row }));
  const values = drawn.flatMap((row) => [row.value, row.low, row.high]).filter((value) => value !== null && value !== undefined);
  const range = axisRange(values, [], [-1, 1], 5);
  return {
    height: rows.length * ROW + 34,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      grid: { left: 128, right: 150, top: 4, bottom: 28 },
      xAxis: {
        type: "value",
        ...{ min: range.min, max: range.max, interval: range.step },
        axisLine: { show: false },
        axisTick: { show: false },
        splitLine: { lineStyle: { color: colours.line } },
        axisLabel: { color: colours.text3, fontSize: 12, formatter: (value) => number(value, decimals(range.step)) },
      },
      yAxis: [
        {
          type: "category",
          inverse: true,
          data: drawn.map((row) => row.heading ?? row.label),
          axisLine: { show: false },
          axisTick: { show: false },
          axisLabel: {
            margin: 120,
            align: "left",
            interval: 0,
            fontSize: 13,
            formatter: (value, place) => (drawn[place].heading ? `{h|${value}}` : `{r|${value}}`),
            rich: { h: { color: colours.text3, fontSize: 12 }, r: { color: colours.text1, fontSize: 13 } },
          },
        },
        {
          type: "category",
          inverse: true,
          position: "right",
          data: drawn.map((row) => row.words ?? ""),
          axisLine: { show: false },
          axisTick: { show: false },
          axisLabel: {
            margin: 16,
            align: "left",
            interval: 0,
            color: colours.text3,
            fontSize: 12,
            rich: { v: { color: colours.text1, fontWeight: 600, fontSize: 13 }, i: { color: colours.text3, fontSize: 12 } },
          },
        },
      ],
      series: [whiskers(drawn, colours, { cap: 0, size: 9 })],
    },
  };
}
