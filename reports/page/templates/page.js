"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

// Figures name their colours "@blue"; the style sheet knows them, for light and for dark.
function coloured(value) {
  if (typeof value === "string") {
    return value.startsWith("@")
      ? getComputedStyle(document.documentElement).getPropertyValue("--" + value.slice(1)).trim()
      : value;
  }
  if (Array.isArray(value)) return typeof value[0] === "object" ? value.map(coloured) : value;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === "hovertext" ? item : coloured(item)]));
}

const logParams = document.getElementById("log-params");

function draw(element) {
  const figure = coloured(data[element.dataset.figure]);
  if (element.id === "front-figure") {
    const type = logParams.checked ? "log" : "linear";
    Object.assign(figure.layout.xaxis, { type, range: figure.layout.meta[type] });
    if (type === "log") figure.layout.xaxis.dtick = "D2"; // labels at 1, 2 and 5: all nine digits overlap
  }
  // With a finger, dragging must go on scrolling the page.
  if (window.matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
  Plotly.react(element, figure.data, figure.layout, {
    responsive: true,
    displaylogo: false,
    scrollZoom: false,
    // Named one by one: the standard set has a button that sends the chart to a web service.
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d", "toImage"]],
  });
}

function drawAll() {
  document.querySelectorAll("[data-figure]").forEach(draw);
}

drawAll();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
if (logParams) logParams.addEventListener("change", () => draw(document.getElementById("front-figure")));

// The trial table: sorted and filtered over all rows, drawn in portions.
const PORTION = 100;
const { columns, rows } = data.trials;
const [TRIAL, STATE] = [0, 1];
const table = document.getElementById("trial-table");
const stateChoice = document.getElementById("trial-state");
const find = document.getElementById("trial-find");
const more = document.getElementById("trial-more");
const texts = rows.map((row) => row.join("\n").toLowerCase());
const order = { column: TRIAL, descending: false };
let shown = PORTION;

for (const state of [...new Set(rows.map((row) => row[STATE]))].sort()) {
  stateChoice.append(new Option(state, state));
}

function compare(a, b) {
  const [x, y] = [rows[a][order.column], rows[b][order.column]];
  const [xMissing, yMissing] = [x === null || x === "", y === null || y === ""];
  if (xMissing || yMissing) return xMissing - yMissing || a - b; // what is missing stays last both ways
  const sign = typeof x === "number" ? x - y : x < y ? -1 : x > y ? 1 : 0;
  return (order.descending ? -sign : sign) || a - b;
}

function matching() {
  const wanted = find.value.trim().toLowerCase();
  return rows
    .map((_, index) => index)
    .filter((index) => !stateChoice.value || rows[index][STATE] === stateChoice.value)
    .filter((index) => !wanted || texts[index].includes(wanted))
    .sort(compare);
}

function cell(value, decimals) {
  const element = document.createElement("td");
  if (decimals === null) {
    const text = document.createElement("div");
    text.textContent = value ?? "";
    if (value) text.className = value.length > 60 ? "long text" : "text";
    element.append(text);
  } else {
    element.className = "number";
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    element.textContent = value === null ? "" : decimals < 0 ? value : value.toLocaleString("en-US", digits);
  }
  return element;
}

function drawTable() {
  const found = matching();
  const body = document.createElement("tbody");
  for (const index of found.slice(0, shown)) {
    const line = body.insertRow();
    rows[index].forEach((value, column) => line.append(cell(value, columns[column][1])));
  }
  table.tBodies[0]?.remove();
  table.append(body);
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const sorted = column === order.column;
    heading.ariaSort = sorted ? (order.descending ? "descending" : "ascending") : "none";
  });
  const count = (number) => number.toLocaleString("en-US");
  document.getElementById("trial-count").textContent = `${count(found.length)} of ${count(rows.length)}`;
  more.hidden = found.length <= shown;
  more.textContent = `show ${count(Math.min(PORTION, found.length - shown))} more`;
}

function fromStart() {
  shown = PORTION;
  drawTable();
}

const headings = table.createTHead().insertRow();
columns.forEach(([heading, decimals], column) => {
  const element = document.createElement("th");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = heading;
  if (decimals !== null) element.className = "number";
  button.addEventListener("click", () => {
    // Numbers are most interesting from the top, except for the trial itself.
    const first = decimals !== null && column !== TRIAL;
    order.descending = order.column === column ? !order.descending : first;
    order.column = column;
    fromStart();
  });
  element.append(button);
  headings.append(element);
});
stateChoice.addEventListener("change", fromStart);
find.addEventListener("input", fromStart);
more.addEventListener("click", () => {
  shown += PORTION;
  drawTable();
});
drawTable();

// A long text in a table is cut to one line; a click shows the whole of it.
document.addEventListener("click", ({ target }) => {
  if (target.matches("td code, .long")) target.classList.toggle("whole");
});
