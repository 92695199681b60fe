// Comparing runs: parallel coordinates, scatter and contour, box plots, bars.
import { BarChart, BoxplotChart, CustomChart, HeatmapChart, ParallelChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent, DataZoomComponent, GridComponent, LegendComponent, ParallelComponent, TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([
  AriaComponent, BarChart, BoxplotChart, CanvasRenderer, CustomChart, DataZoomComponent, GridComponent,
  HeatmapChart, LegendComponent, ParallelChart, ParallelComponent, ScatterChart, TooltipComponent,
  VisualMapComponent,
]);

export * from "echarts/core";
