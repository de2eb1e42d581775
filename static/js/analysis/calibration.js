// Observed share by predicted probability: dots with whiskers, the diagonal is perfect calibration.

export function calibrationOption(data, colours, width) {
  const { calibration } = data.figures;
  if (!calibration) return { reason: data.text.noModel };
  const size = Math.max(Math.min(width - 80, 300), 160);
  const bins = calibration.bins.filter((bin) => bin.observed.value !== null);
  const axis = (name, extra) => ({
    type: "value", min: 0, max: 1, interval: 0.2, name, nameLocation: "middle",
    nameTextStyle: { color: colours.text3, fontSize: 12 },
    axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.text3, fontSize: 12, formatter: (value) => value.toFixed(1) },
    ...extra,
  });
  return {
    height: size + 62,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      grid: { left: 56, top: 8, width: size, height: size },
      xAxis: axis(data.text.predicted, { nameGap: 30 }),
      yAxis: axis(data.text.observed, { nameGap: 38 }),
      series: [
        { type: "line", symbol: "none", silent: true, data: [[0, 0], [1, 1]], lineStyle: { color: colours.edge, width: 1, type: "dashed" } },
        {
          type: "custom",
          z: 4,
          data: bins.map((bin) => [bin.predicted, bin.observed.value]),
          renderItem(params, api) {
            const { predicted, observed } = bins[params.dataIndex];
            const [x, y] = api.coord([predicted, observed.value]);
            const children = [];
            if (observed.low !== null) {
              const [, y1] = api.coord([predicted, observed.low]);
              const [, y2] = api.coord([predicted, observed.high]);
              children.push({ type: "line", shape: { x1: x, y1, x2: x, y2 }, style: { stroke: colours.model, lineWidth: 1.5 } });
            }
            children.push({ type: "circle", shape: { cx: x, cy: y, r: 4.5 }, style: { fill: colours.model } });
            return { type: "group", children };
          },
        },
      ],
    },
  };
}
