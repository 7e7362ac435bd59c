"use strict";

// Plotly figures: every element with data-figure="NAME" shows the figure data[NAME].

// Figures name their colours "@blue"; the style sheet knows them, for light and for dark.
function coloured(value) {
  if (typeof value === "string") {
    return value.startsWith("@")
      ? getComputedStyle(document.documentElement).getPropertyValue("--" + value.slice(1)).trim()
      : value;
  }
  if (Array.isArray(value)) return typeof value[0] === "object" || String(value[0])[0] === "@" ? value.map(coloured) : value;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === "hovertext" ? item : coloured(item)]));
}

// By the name of a figure: what a page changes in it before it is drawn, and once it is.
const adjustments = {};
const completions = {};
const redraws = []; // what is drawn elsewhere, and has to follow light and dark too

const NARROW = 600; // pixels: names of a legend stand below each other

function drawFigure(element, given) {
  const { data: traces, layout } = coloured(given);
  const lines = layout.showlegend === false ? 0 : traces.filter((trace) => trace.showlegend !== false).length - 2;
  if (window.innerWidth < NARROW) layout.height += Math.max(0, Math.min(260, 20 * lines));
  // With a finger, dragging must go on scrolling the page.
  if (window.matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
  return Plotly.react(element, traces, layout, {
    responsive: true,
    displaylogo: false,
    scrollZoom: false,
    // Named one by one: the standard set has a button that sends the chart to a web service.
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d", "toImage"]],
  });
}

function draw(element) {
  const name = element.dataset.figure;
  const adjusted = adjustments[name] ? adjustments[name](structuredClone(data[name])) : data[name];
  drawFigure(element, adjusted).then(() => {
    if (element.dataset.drawn) return;
    element.dataset.drawn = "yes";
    completions[name]?.(element);
  });
}

function drawAll() {
  document.querySelectorAll("[data-figure]").forEach(draw);
  redraws.forEach((redraw) => redraw());
}

// What is in sight first, the rest one by one, so that the page answers from the start.
function drawInTurn() {
  const waiting = [...document.querySelectorAll("[data-figure]")];
  const next = () => {
    const element = waiting.shift();
    if (!element) return;
    if (!element.dataset.drawn) draw(element);
    setTimeout(next, 0);
  };
  requestAnimationFrame(() => setTimeout(next, 0));
}

document.addEventListener("DOMContentLoaded", drawInTurn);
window.addEventListener("beforeprint", drawAll);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
