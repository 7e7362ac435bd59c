"use strict";

const figures = JSON.parse(document.getElementById("data").textContent);

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

function draw(element) {
  const figure = coloured(figures[element.dataset.figure]);
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

document.addEventListener("click", ({ target }) => {
  if (target.matches("td code, .long")) target.classList.toggle("whole");
});
