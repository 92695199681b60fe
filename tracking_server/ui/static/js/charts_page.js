// The pages of charts.
import { drawCharts } from "./charts.js";
import { given } from "./elements.js";

const found = given("charts-data");
if (found) drawCharts(document.getElementById("charts"), found);
