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

function cell(value, column) {
  const decimals = columns[column][1];
  if (column === TRIAL) {
    const properties = { type: "button", className: "link", textContent: value, title: `show trial ${value}` };
    const button = element("button", properties);
    button.dataset.trial = value; // what details.js shows
    return element("td", { className: "number" }, button);
  }
  if (decimals === null) {
    const className = value ? (value.length > 60 ? "long text" : "text") : "";
    return element("td", {}, element("div", { textContent: value ?? "", className }));
  }
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const text = value === null ? "" : decimals < 0 ? value : value.toLocaleString("en-US", digits);
  return element("td", { className: "number", textContent: text });
}

function drawTable() {
  const found = matching();
  const body = element("tbody");
  for (const index of found.slice(0, shown)) body.insertRow().append(...rows[index].map(cell));
  table.tBodies[0]?.remove();
  table.append(body);
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const sorted = column === order.column;
    heading.ariaSort = sorted ? (order.descending ? "descending" : "ascending") : "none";
  });
  document.getElementById("trial-count").textContent = `${counted(found.length)} of ${counted(rows.length)}`;
  more.hidden = found.length <= shown;
  more.textContent = `show ${counted(Math.min(PORTION, found.length - shown))} more`;
}

function fromStart() {
  shown = PORTION;
  drawTable();
}

const headings = table.createTHead().insertRow();
columns.forEach(([heading, decimals], column) => {
  const button = element("button", { type: "button", textContent: heading });
  button.addEventListener("click", () => {
    // Numbers are most interesting from the top, except for the trial itself.
    const first = decimals !== null && column !== TRIAL;
    order.descending = order.column === column ? !order.descending : first;
    order.column = column;
    fromStart();
  });
  headings.append(element("th", { className: decimals === null ? "" : "number" }, button));
});
stateChoice.addEventListener("change", fromStart);
find.addEventListener("input", fromStart);
more.addEventListener("click", () => {
  shown += PORTION;
  drawTable();
});
drawTable();
