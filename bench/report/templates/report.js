"use strict";

// A click on a heading sorts by its column, ascending at first, then descending. Absent figures stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column]?.dataset.order;
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
    const rows = [...body.rows].sort((one, two) => {
      const [a, b] = [key(one), key(two)];
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return down ? compare(b, a) : compare(a, b);
    });
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  }));
}

// The filters choose the rows of all tables of stacks.
const filters = document.getElementById("filters");
if (filters) {
  const rows = [...document.querySelectorAll("tr[data-variant]")];
  const choose = () => {
    const asked = [...new FormData(filters)].filter(([, value]) => value);
    for (const row of rows) row.hidden = !asked.every(([name, value]) => row.dataset[name] === value);
    const left = rows.filter((row) => !row.hidden).length;
    filters.querySelector("output").textContent = asked.length ? `${left} of ${rows.length} rows` : "";
  };
  filters.hidden = false;
  filters.addEventListener("input", choose);
  choose();
}

// Hovering over a mark shows its figure. A touch shows it as well, and the reason of an absent figure.
const tip = document.getElementById("tip");
const show = (event) => {
  const mark = event.target.closest(".plot path[aria-label], td[title]");
  const touched = event.pointerType !== "mouse";
  const text = mark && (mark.getAttribute("aria-label") ?? (touched ? mark.title : null));
  tip.style.visibility = text ? "visible" : "hidden";
  if (!text) return;
  tip.textContent = text;
  const left = Math.min(event.clientX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 10)}px`;
};
document.addEventListener("pointermove", show);
document.addEventListener("pointerdown", show);
document.addEventListener("scroll", () => { tip.style.visibility = "hidden"; }, { passive: true });
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
