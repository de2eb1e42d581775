// Time per case over each reader's own order, each line with its name at its end.
import { niceStep } from "./intervals.js";
import { spread } from "./localisation.js";
import { mark, SHAPES } from "./theme.js";

const LEFT = 56;
const RIGHT = 70;
const HEIGHT = 220;

export function timesOption(data, colours, width) {
  const rows = data.times.filter((row) => row.running.length > 0);
  if (rows.length === 0) return { reason: data.text.noTime };
  const most = Math.max(...rows.flatMap((row) => row.running.map(([, seconds]) => seconds)));
  const last = Math.max(...rows.flatMap((row) => row.running.map(([place]) => place)));
  const step = niceStep(0, most, 5);
  const top = Math.ceil(most / step) * step;
  const axis = { axisLine: { show: false }, axisTick: { show: false }, nameLocation: "middle", nameTextStyle: { color: colours.text3, fontSize: 12 } };
  const label = { color: colours.text3, fontSize: 12 };
  const heights = spread(rows.map((row) => 10 + (1 - row.running.at(-1)[1] / top) * HEIGHT), 16, 10, 10 + HEIGHT);
  return {
    height: HEIGHT + 66,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      grid: { left: LEFT, right: RIGHT, top: 10, height: HEIGHT },
      xAxis: { type: "value", min: 0, max: Math.ceil(last), name: data.text.order, nameGap: 30, splitLine: { show: false }, axisLabel: label, ...axis },
      yAxis: { type: "value", min: 0, max: top, interval: step, name: data.text.seconds, nameGap: 40, splitLine: { lineStyle: { color: colours.line } }, axisLabel: label, ...axis },
      graphic: rows.map((row, place) => ({ type: "text", x: width - RIGHT + 14, y: heights[place], style: { text: row.code, fill: colours.readers, font: `600 12px ${colours.font}`, verticalAlign: "middle" } })),
      series: rows.flatMap((row, place) => [
        { type: "line", symbol: "none", silent: true, data: row.running, lineStyle: { color: colours.readers, width: 1.5, type: place % 2 ? "dashed" : "solid" } },
        {
          type: "custom",
          silent: true,
          data: row.running,
          renderItem(params, api) {
            const [x, y] = api.coord([api.value(0), api.value(1)]);
            return mark(SHAPES[place % SHAPES.length], x, y, 6, { fill: colours.readers });
          },
        },
      ]),
    },
  };
}
