// Comparing runs: parallel coordinates, scatter and contour, box plots, bars. Colours, legends and
// tooltips' texts are the page's own, so that components for them are not needed.
import { BarChart, BoxplotChart, CustomChart, ParallelChart, ScatterChart } from "echarts/charts";
import { GridComponent, ParallelComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([
  BarChart, BoxplotChart, CanvasRenderer, CustomChart, GridComponent, ParallelChart, ParallelComponent, ScatterChart,
  TooltipComponent,
]);

export { getInstanceByDom, init } from "echarts/core";
