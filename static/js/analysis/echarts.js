// The parts of ECharts that the pages use, drawn as SVG: sharp in print, readable as a file.
import { init, use } from "echarts/core";
import { CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { GraphicComponent, GridComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

use([CustomChart, LineChart, ScatterChart, GraphicComponent, GridComponent, TooltipComponent, SVGRenderer]);

export { init };
