// Confusion matrices with the cut drawn in, and how far the grades lie from the reference.
import { count, fill, percent } from "./format.js";

/** Share of the reference row to one of five shades. */
export function shade(share) {
  return share >= 0.6 ? 4 : share >= 0.45 ? 3 : share >= 0.25 ? 2 : share >= 0.08 ? 1 : 0;
}

function cells(table) {
  return table.flatMap((row, reference) => {
    const total = row.reduce((sum, value) => sum + value, 0);
    return row.map((n, given) => ({ reference, given, n, share: total ? n / total : 0, total }));
  });
}

function matrix(gridIndex, table, cut, colours) {
  const all = cells(table);
  return {
    type: "custom",
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    silent: true,
    data: all.map((cell) => [cell.given, cell.reference]),
    renderItem(params, api) {
      const cell = all[params.dataIndex];
      const [x, y] = api.coord([cell.given, cell.reference]);
      const [w, h] = api.size([1, 1]);
      const step = colours.grades[cell.total ? shade(cell.share) : 0];
      const children = [
        { type: "rect", shape: { x: x - w / 2 + 1, y: y - h / 2 + 1, width: w - 2, height: h - 2, r: 3 }, style: { fill: step.ground } },
        { type: "text", x, y: y - 1, style: { text: count(cell.n), fill: step.text, font: `600 13px ${colours.font}`, align: "center", verticalAlign: "bottom" } },
        { type: "text", x, y: y + 2, style: { text: cell.total ? percent(cell.share) : "", fill: step.text, font: `12px ${colours.font}`, align: "center", verticalAlign: "top" } },
      ];
      if (cell.given === table.length - 1) {
        children.push({ type: "text", x: x + w / 2 + 12, y, style: { text: count(cell.total), fill: colours.text3, font: `12px ${colours.font}`, verticalAlign: "middle" } });
      }
      if (params.dataIndex === all.length - 1) {
        const box = params.coordSys;
        const stepX = box.width / table.length;
        const stepY = box.height / table.length;
        const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colours.text1, lineWidth: 1.5 } });
        children.push(line(box.x + cut * stepX, box.y, box.x + cut * stepX, box.y + box.height));
        children.push(line(box.x, box.y + cut * stepY, box.x + box.width, box.y + cut * stepY));
      }
      return { type: "group", children };
    },
  };
}

function bar(data, x, y, width, summary, name, colour, colours) {
  const { text } = data;
  const parts = [
    [summary.same, colours.grades[3]],
    [summary.one_apart, colours.grades[1]],
    [summary.further, { ground: colours.edge, text: "#ffffff" }],
  ];
  const children = [
    { type: "rect", x, y: y + 2, shape: { width: 9, height: 9, r: 2 }, style: { fill: colour } },
    { type: "text", x: x + 16, y: y - 1, style: { text: name, fill: colours.text1, font: `600 13px ${colours.font}` } },
  ];
  let start = x;
  for (const [n, step] of parts) {
    const share = n / summary.n;
    const w = share * width;
    if (n > 0) {
      children.push({ type: "rect", x: start, y: y + 22, shape: { width: Math.max(w - 1, 1), height: 22, r: 2 }, style: { fill: step.ground } });
      if (w > 46) {
        children.push({ type: "text", x: start + 8, y: y + 33, style: { text: percent(share), fill: step.text, font: `600 12px ${colours.font}`, verticalAlign: "middle" } });
      }
    }
    start += w;
  }
  return children;
}

function legend(data, x, y, colours) {
  const { text } = data;
  const entries = [[text.same, colours.grades[3].ground], [text.oneApart, colours.grades[1].ground], [text.further, colours.edge]];
  return entries.flatMap(([label, colour], place) => [
    { type: "rect", x, y: y + place * 20 + 2, shape: { width: 9, height: 9, r: 2 }, style: { fill: colour } },
    { type: "text", x: x + 16, y: y + place * 20, style: { text: label, fill: colours.text3, font: `12px ${colours.font}` } },
  ]);
}

export function confusionOption(data, colours, width) {
  const { confusion, model, readers, view } = data.figures;
  const { text } = data;
  const panels = [];
  if (confusion.model) panels.push({ name: model.code, table: confusion.model, colour: colours.model, below: text.givenByModel });
  if (confusion.readers) {
    panels.push({
      name: fill(text.readersTogether, { codes: readers.map((reader) => reader.code).join(", ") }),
      table: confusion.readers,
      colour: colours.readers,
      below: text.givenByReaders,
    });
  }
  if (panels.length === 0) return { reason: text.notEstimable };
  const n = data.grades.length;
  const size = Math.min(58 * n, 232);
  const first = 330;
  const between = Math.max((width - first - panels.length * (size + 90)) / Math.max(panels.length, 1), 24);
  const starts = panels.map((_, place) => first + 60 + place * (size + 90 + between));
  const digits = data.grades.map((grade) => String(grade.value));
  const top = 52;
  const graphic = [
    { type: "text", x: 0, y: 0, style: { text: text.distance, fill: colours.text1, font: `600 13px ${colours.font}` } },
    ...panels.flatMap((panel, place) => bar(data, 0, 34 + place * 62, 260, panel.table, panel.name, panel.colour, colours)),
    ...legend(data, 0, 40 + panels.length * 62, colours),
    ...panels.flatMap((panel, place) => [
      { type: "rect", x: starts[place], y: 2, shape: { width: 9, height: 9, r: 2 }, style: { fill: panel.colour } },
      { type: "text", x: starts[place] + 16, y: -1, style: { text: panel.name, fill: colours.text1, font: `600 13px ${colours.font}` } },
      { type: "text", x: starts[place] + size / 2, y: top + size + 12, style: { text: panel.below, fill: colours.text3, font: `12px ${colours.font}`, align: "center" } },
      { type: "text", x: starts[place] - 46, y: top + size / 2, rotation: Math.PI / 2, style: { text: text.reference, fill: colours.text3, font: `12px ${colours.font}`, align: "center", verticalAlign: "middle" } },
    ]),
  ];
  const axis = { type: "category", data: digits, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false } };
  return {
    height: top + size + 40,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      graphic,
      grid: starts.map((start) => ({ left: start, top, width: size, height: size })),
      xAxis: panels.map((_, place) => ({ ...axis, gridIndex: place, position: "top", axisLabel: { color: colours.text2, fontSize: 12, margin: 8 } })),
      yAxis: panels.map((_, place) => ({ ...axis, gridIndex: place, inverse: true, axisLabel: { color: colours.text2, fontSize: 12, margin: 10 } })),
      series: panels.map((panel, place) => matrix(place, panel.table.table, view.cut, colours)),
    },
  };
}
