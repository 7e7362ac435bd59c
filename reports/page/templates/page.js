"use strict";

// What every page has: its data, and long texts of tables that a click shows whole.
const data = JSON.parse(document.getElementById("data").textContent);

document.addEventListener("click", ({ target }) => {
  if (target.matches("td code, .long")) target.classList.toggle("whole");
});
