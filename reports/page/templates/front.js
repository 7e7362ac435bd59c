"use strict";

// The switches of the front figure: linear or logarithmic cost, accuracy or logarithmic error.
const logCost = document.getElementById("log-cost");
const logError = document.getElementById("log-error");

adjustments.front = ({ data: traces, layout }) => {
  const { x, y, floor, ticks } = layout.meta;
  const type = logCost.checked ? "log" : "linear";
  Object.assign(layout.xaxis, { type, range: x[type] });
  if (type === "log") layout.xaxis.dtick = "D2"; // labels at 1, 2 and 5: all nine digits overlap
  // On a phone the names of published points would cover everything else.
  if (window.innerWidth < NARROW) for (const trace of traces) trace.mode = trace.mode.replace("+text", "");
  if (logError.checked) {
    const error = (accuracy) => Math.max(100 - accuracy, floor);
    for (const trace of traces) {
      const bars = trace.error_y;
      // The axis stays reversed, so the upper end of an interval is the smaller error.
      if (bars) {
        trace.error_y = {
          ...bars,
          array: bars.arrayminus.map((down, index) => error(trace.y[index] - down) - error(trace.y[index])),
          arrayminus: bars.array.map((up, index) => error(trace.y[index]) - error(trace.y[index] + up)),
        };
      }
      trace.y = trace.y.map(error);
    }
    for (const shape of layout.shapes) {
      if (shape.xref === "paper") shape.y0 = shape.y1 = error(shape.y0);
    }
    Object.assign(layout.yaxis, { type: "log", range: y.log, tickvals: ticks.map(error), ticktext: ticks.map(String) });
  }
  return { data: traces, layout };
};

for (const choice of [logCost, logError]) {
  choice?.addEventListener("change", () => draw(document.getElementById("front-figure")));
}
