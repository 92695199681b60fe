// Curves of metrics: many points on a canvas.
export { default } from "uplot";
