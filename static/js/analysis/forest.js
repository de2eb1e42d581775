// The same question for every finding: two panels, sensitivity and specificity, with the margin.
import { fill, interval, number, signed } from "./format.js";
import { axisRange, marginGround, whiskers } from "./intervals.js";

const ROW = 50;
const TOP = 44;
const PANELS = ["sensitivity", "specificity"];

/** A long name on two lines, so that it ends before the panels begin. */
export function wrapped(name, most = 28) {
  if (name.length <= most) return `{n|${name}}`;
  const middle = name.lastIndexOf(" ", most);
  if (middle < 0) return `{n|${name}}`;
  return `{n|${name.slice(0, middle)}}\n{n|${name.slice(middle + 1)}}`;
}

function panelRows(rows, data, measure, colours) {
  return rows.map((row) => {
    const block = row[measure];
    if (!block || block.difference.value === null) {
      return { value: null, low: null, high: null, words: `{i|${data.text.notEstimable}}` };
    }
    const { difference, claim } = block;
    const limits = interval(difference, data.text.to, 3, signed) || data.text.noInterval;
    return {
      ...difference,
      colour: colours.text1,
      shape: "rect",
      words: `{v|${signed(difference.value)}}  {d|${data.text.decisions[claim.decision]}}\n{i|${limits}}`,
    };
  });
}

export function forestOption(data, colours, width) {
  const rows = data.figures.forest.map((row) => ({ ...row, label: data.findingNames[row.finding] }));
  return rowsOption(rows, data, colours, width);
}

export function subgroupsOption(data, colours, width) {
  if (data.figures.model && data.figures.subgroups.length === 0) return { reason: data.text.oneGroup };
  return rowsOption(data.figures.subgroups, data, colours, width);
}

function rowsOption(rows, data, colours, width) {
  if (!data.figures.model) return { reason: data.text.noModel };
  const labels = rows.map((row) => `${wrapped(row.label)}\n{s|${fill(data.text.gradeAtLeast, row)}}`);
  const panels = PANELS.map((measure) => panelRows(rows, data, measure, colours));
  const values = panels.flat().flatMap((row) => [row.value, row.low, row.high]).filter((value) => value !== null);
  const range = axisRange(values, [-data.margin * 1.6, data.margin], [-1, 1], 5);
  const left = 236;
  const words = 150;
  const panel = Math.max((width - left - 2 * words - 28) / 2, 120);
  const starts = [left, left + panel + words + 28];
  const names = [data.text.sensitivityDifference, data.text.specificityDifference];
  const common = { axisLine: { show: false }, axisTick: { show: false } };
  const rich = {
    n: { color: colours.text1, fontWeight: 600, fontSize: 13, lineHeight: 16 },
    s: { color: colours.text3, fontSize: 12, lineHeight: 16 },
    v: { color: colours.text1, fontWeight: 600, fontSize: 13, lineHeight: 17 },
    d: { color: colours.text3, fontSize: 12 },
    i: { color: colours.text3, fontSize: 12, lineHeight: 16 },
  };
  return {
    height: TOP + rows.length * ROW + 30,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      graphic: starts.map((start, place) => ({
        type: "group",
        children: [
          { type: "text", x: start, y: 0, style: { text: names[place], fill: colours.text1, font: `600 13px ${colours.font}` } },
          {
            type: "text",
            x: start + ((-data.margin - range.min) / (range.max - range.min)) * panel,
            y: 24,
            style: { text: `${data.text.margin} ${number(-data.margin, 2)}`, fill: colours.lamp, font: `12px ${colours.font}`, align: "center" },
          },
        ],
      })),
      grid: starts.map((start) => ({ left: start, width: panel, top: TOP, height: rows.length * ROW })),
      xAxis: starts.map((_, place) => ({
        gridIndex: place,
        type: "value",
        min: range.min,
        max: range.max,
        interval: range.step,
        ...common,
        splitLine: { lineStyle: { color: colours.line } },
        axisLabel: { color: colours.text3, fontSize: 12, formatter: (value) => (Math.abs(value) < 1e-9 ? "0" : signed(value, 2)), hideOverlap: true },
      })),
      yAxis: [
        { gridIndex: 0, type: "category", inverse: true, data: labels, ...common, axisLabel: { margin: left - 2, align: "left", interval: 0, rich } },
        { gridIndex: 1, type: "category", inverse: true, data: labels, ...common, axisLabel: { show: false } },
        ...panels.map((panelData, place) => ({
          gridIndex: place,
          type: "category",
          inverse: true,
          position: "right",
          data: panelData.map((row) => row.words),
          ...common,
          axisLabel: { margin: 14, align: "left", interval: 0, rich },
        })),
      ],
      series: panels.flatMap((panelData, place) => [
        marginGround(data.margin, colours, { gridIndex: place }),
        whiskers(panelData, colours, { gridIndex: place, cap: 4, size: 10 }),
      ]),
    },
  };
}
