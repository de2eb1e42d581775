// One difference on its axis, with the margin: the small picture under each headline figure.
import { number, signed } from "./format.js";
import { axisRange, marginGround, whiskers } from "./intervals.js";

export function differenceOption(data, measure, colours, shared) {
  const { difference } = data.figures.headline[measure];
  if (difference.value === null) return { reason: data.text.notEstimable };
  const row = { ...difference, colour: colours.text1 };
  return {
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      grid: { left: 8, right: 12, top: 4, bottom: 24 },
      xAxis: {
        type: "value",
        min: shared.min,
        max: shared.max,
        axisLine: { show: false },
        axisTick: { show: false },
        splitLine: { show: false },
        axisLabel: {
          color: colours.text3,
          fontSize: 12,
          customValues: [-data.margin, 0, ...(shared.max >= shared.step ? [shared.max] : [])],
          formatter: (value) => (Math.abs(value + data.margin) < 1e-9 ? `{margin|${number(value, 2)}}` : value === 0 ? "0" : signed(value, 2)),
          rich: { margin: { color: colours.lamp } },
        },
      },
      yAxis: { type: "category", data: [""], show: false },
      series: [marginGround(data.margin, colours), whiskers([row], colours, { cap: 0, size: 11 })],
    },
  };
}

/** One axis for the three headline differences, so that they can be compared by eye. */
export function sharedRange(data) {
  const values = Object.values(data.figures.headline).flatMap(({ difference }) => [
    difference.value, difference.low, difference.high,
  ]);
  return axisRange(values.filter((value) => value !== null), [-data.margin * 1.6, 0, data.margin]);
}
