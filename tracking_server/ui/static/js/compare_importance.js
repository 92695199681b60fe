// Which params matter: a bar each, and in which direction.
import { axisLook, figure, linesOf, short, tooltip } from "./compare_scale.js";

const MOST = 25; // bars; the table has all
const ROW = 30; // pixels

export function importanceBars(found, runs, tokens) {
  const { params, metric, explained } = found;
  const shown = params.slice(0, MOST);
  const labels = shown.map(({ name }) => short(labelOf(name), 30));
  const look = axisLook(tokens);
  const option = {
    tooltip: tooltip(tokens, ({ dataIndex }) => {
      const each = shown[dataIndex];
      const pairs = [["importance", each.importance], ["direction", direction(each, metric)], ["runs", each.count]];
      return linesOf(labelOf(each.name), pairs);
    }),
    grid: { left: 16, right: 110, top: 12, bottom: 44, containLabel: true },
    xAxis: { ...look, type: "value", name: "importance", nameLocation: "middle", nameGap: 28, min: 0 },
    yAxis: {
      ...look, type: "category", inverse: true, data: shown.map((_, i) => i), // names may be alike once they are cut
      axisLabel: { color: tokens.text, formatter: (i) => labels[i] },
    },
    series: [{
      type: "bar", barMaxWidth: 18,
      data: shown.map(({ importance, relation, numeric }) => ({
        value: importance,
        itemStyle: { color: tokens.palette[colourOf(relation, numeric)], borderRadius: [0, 4, 4, 0] },
      })),
      label: { show: true, position: "right", color: tokens.quiet, formatter: ({ dataIndex }) => brief(shown[dataIndex]) },
    }],
  };
  const cut = params.length > MOST ? [`The first ${MOST} of ${params.length} params are drawn; the table has all.`] : [];
  return {
    option,
    legend: [],
    notes: [...howToRead(metric, explained), ...found.notes, ...cut],
    count: found.count,
    height: Math.max(160, shown.length * ROW + 70),
    label: `Importance of ${params.length} params for ${metric}: ${labels.slice(0, 3).join(", ")} first; `
      + "the table below has the values",
    table: {
      head: ["Param", "Importance", "Direction", "Runs"],
      rows: params.map((each) => [labelOf(each.name), each.importance, direction(each, metric), each.count]),
    },
  };
}

function howToRead(metric, explained) {
  const share = Math.max(0, Math.round(explained * 100));
  return [
    "Importance: how much worse a forest of random trees predicts the metric of runs that it has not seen when a "
    + "param's values are shuffled, in units of the metric's variance. Params that go together share it.",
    `The forest explains ${share} % of how ${metric} varies between unseen runs. It says what goes together, not why.`,
    "↑ and ↓: the rank correlation (Spearman's ρ) of a number; η²: the share of the variance that lies between the "
    + "values of a category.",
  ];
}

/** More with more, less with more, or no direction: which colour of the palette. */
function colourOf(relation, numeric) {
  if (!numeric || relation === null) return 8;
  return relation < 0 ? 1 : 0;
}

function labelOf(name) {
  return name.slice(name.indexOf(".") + 1);
}

function brief({ relation, numeric }) {
  if (relation === null) return "";
  if (!numeric) return `η² ${figure(relation)}`;
  return `${relation < 0 ? "↓" : "↑"} ρ ${figure(relation)}`;
}

function direction({ relation, numeric }, metric) {
  if (relation === null) return "unknown";
  if (!numeric) return `η² ${figure(relation)}`;
  return `ρ ${figure(relation)}: ${relation < 0 ? "less" : "more"} ${short(metric, 30)} where it is greater`;
}
