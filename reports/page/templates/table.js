"use strict";

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

// A button: details.js shows the trial.
function trialCell(number) {
  const element = document.createElement("td");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "link", textContent: number, title: `show trial ${number}` });
  button.dataset.trial = number;
  element.className = "number";
  element.append(button);
  return element;
}

function drawTable() {
  const found = matching();
  const body = document.createElement("tbody");
  for (const index of found.slice(0, shown)) {
    const line = body.insertRow();
    rows[index].forEach((value, column) => line.append(column === TRIAL ? trialCell(value) : cell(value, columns[column][1])));
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
