"use strict";

// One trial looked at closely: picked by a click on a point of the front or on a trial's number in a table.
const details = {
  section: document.getElementById("details"),
  ...data.details,
  row: new Map(data.trials.rows.map((row) => [row[0], row])),
  keys: data.trials.columns.map(([, , key]) => key),
  picked: null,
};

const part = (name) => document.getElementById(`details-${name}`);

function show(number, from) {
  const row = details.row.get(number);
  if (!row) return;
  details.picked = number;
  const value = Object.fromEntries(details.keys.map((key, index) => [key, row[index]]));
  const more = details.trials[number] ?? {};
  part("title").textContent = `Trial ${number}`;
  part("facts").textContent = facts(value, more).join(" · ");
  part("text").textContent = value.layers_text ?? "";
  const layers = (more.layers ?? []).map(([op, tail, ...rest]) => [details.texts[op], details.texts[tail], ...rest]);
  part("network").hidden = !layers.length;
  part("diagram").replaceChildren(...diagram(layers));
  fillLayers(layers);
  const commands = value.state === "complete" ? ["show", "train", "export"] : ["show", "train"];
  const lines = commands.map((name) => details.commands[name].replaceAll("{trial}", number));
  part("commands").textContent = value.layers_text ? lines.join("\n") : "none: it ended before a network was proposed";
  details.section.hidden = false;
  part("learning").hidden = !more.curve?.length;
  drawCurve();
  details.section.scrollIntoView({ behavior: "smooth", block: "nearest" });
  if (from === "table") details.section.focus({ preventScroll: true });
}

function facts(value, more) {
  return [
    value.state + (value.reason ? ` ${value.reason}` : ""),
    more.score,
    value.params !== null && `${counted(value.params)} parameters`,
    value.macs !== null && `${counted(value.macs)} MACs`,
    value.peak_bytes !== null && `${counted(value.peak_bytes)} bytes of activations at most`,
    value.epochs && `${value.epochs} ${value.epochs === 1 ? "epoch" : "epochs"} in ${Math.round(value.seconds)} s`,
  ].filter(Boolean);
}

function fillLayers(layers) {
  const line = (texts, className = "") => {
    const cells = texts.map((text, index) => element("td", { textContent: text, className: index > 1 ? "number" : "" }));
    return element("tr", { className }, ...cells);
  };
  const rows = layers.map(([op, tail, channels, height, width, params, macs, field]) => {
    const shape = `${channels} x ${height} x ${width}`;
    return line([op, tail, shape, params ? counted(params) : "–", macs ? counted(macs) : "–", field]);
  });
  const sum = (index) => counted(layers.reduce((total, layer) => total + layer[index], 0));
  rows.push(line(["total", "", "", sum(5), sum(6), ""], "total"));
  part("layers").tBodies[0].replaceChildren(...rows);
}

// The network as a row of blocks: as high and deep as the map, as wide as the channels are many (logarithmic).
const kinds = [
  [/^conv1x1/, "orange"],
  [/^(conv|sep|dw)/, "blue"],
  [/pool/, "green"],
  [/^gap/, "purple"],
  [/./, "vermillion"],
];

function diagram(layers) {
  if (!layers.length) return [];
  const [channels, height, width] = details.input;
  const stages = [["input", "", channels, height, width], ...layers];
  const largest = Math.max(...stages.map((stage) => stage[3]));
  return stages.map(([op, tail, channels, height, width], index) => {
    const color = index ? kinds.find(([pattern]) => pattern.test(op))[1] : "muted";
    return element(
      "figure",
      {},
      block(channels, height / largest, color),
      element("figcaption", {}, element("b", { textContent: op }), `${channels} × ${height} × ${width}`),
      ...(tail ? [element("small", { textContent: tail })] : []),
    );
  });
}

function block(channels, scale, color) {
  const high = 8 + 36 * scale;
  const wide = 4 + 5 * Math.log2(channels + 1);
  const slant = 0.36 * high;
  const [width, height] = [wide + slant + 2, 62];
  const [left, right, y] = [1, 1 + wide, height - high - 1];
  const fill = `var(--${color})`;
  const face = (points, opacity) => `<polygon points="${points}" fill="${fill}" stroke="${fill}" fill-opacity="${opacity}"/>`;
  const faces = [
    face([left, y, right, y, right, y + high, left, y + high], 0.55),
    face([left, y, left + slant, y - slant, right + slant, y - slant, right, y], 0.3),
    face([right, y, right + slant, y - slant, right + slant, y + high - slant, right, y + high], 0.15),
  ];
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const svg = `<svg ${size} aria-hidden="true">${faces.join("")}</svg>`; // the caption says it all
  return element("div", { innerHTML: svg }).firstChild;
}

function drawCurve() {
  const curve = details.trials[details.picked]?.curve;
  if (!curve?.length || typeof Plotly === "undefined") return;
  const layout = structuredClone(data.curves.layout);
  const epochs = curve.map((_, index) => index + 1);
  const { floor } = data.front.layout.meta;
  const line = (name, column, error, style) => ({
    type: "scatter",
    mode: "lines",
    name,
    x: epochs,
    y: curve.map((epoch) => (epoch[column] === null ? null : error ? Math.max(100 - epoch[column], floor) : epoch[column])),
    yaxis: error ? "y" : "y2",
    line: style,
    showlegend: error,
    hovertext: curve.map((epoch, index) => `epoch ${index + 1}<br>${name} ${epoch[column]}${error ? " %" : ""}`),
    hoverinfo: "text",
  });
  const solid = { color: "@blue", width: 2 };
  const dotted = { color: "@vermillion", width: 1.5, dash: "dot" };
  layout.height = 420;
  layout.xaxis.range = [0.8, Math.max(2, curve.length) + 0.2];
  drawFigure(part("curve"), {
    data: [
      line("validation accuracy", 1, true, solid),
      line("training accuracy", 0, true, dotted),
      line("validation loss", 3, false, solid),
      line("training loss", 2, false, dotted),
    ],
    layout,
  });
}

if (typeof completions !== "undefined") {
  completions.front = (figure) =>
    figure.on("plotly_click", ({ points }) => {
      const number = points[0].customdata;
      if (typeof number === "number") show(number, "figure");
    });
  redraws.push(drawCurve);
}
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-trial]");
  if (button) show(Number(button.dataset.trial), "table");
});
part("close").addEventListener("click", () => {
  details.section.hidden = true;
  document.querySelector(`[data-trial="${details.picked}"]`)?.focus();
});
