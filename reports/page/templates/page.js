"use strict";

// What every page has: its data, a way to make elements, and long texts of tables that a click shows whole.
const data = JSON.parse(document.getElementById("data").textContent);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const counted = (number) => number.toLocaleString("en-US");

document.addEventListener("click", ({ target }) => {
  if (target.matches("td code, .long")) target.classList.toggle("whole");
});
