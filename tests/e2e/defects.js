// Returns what is wrong with the layout of the report that is open, a line each. arguments: height of the fold, or 0.
const [fold] = arguments;
const found = [];
const tell = (kind, what) => found.push(`${kind}: ${String(what).replace(/\s+/g, " ").trim().slice(0, 120)}`);
const width = document.documentElement.clientWidth;
const paper = matchMedia("print").matches;
const shown = (element) => {
  const folded = element.closest("details:not([open])");
  if (folded && element.closest("summary")?.parentElement !== folded) return false;
  return element.checkVisibility({ visibilityProperty: true });
};

// Sideways: the page must not scroll, and a box may only where its first column stays.
if (document.documentElement.scrollWidth > width) tell("sideways", `the page, by ${document.documentElement.scrollWidth - width} px`);
for (const element of document.body.querySelectorAll("*:not(svg *)")) {
  if (!shown(element) || element.scrollWidth <= element.clientWidth + 1 || element.clientWidth === 0) continue;
  const flow = getComputedStyle(element).overflowX;
  if (flow === "visible") continue;
  const kept = element.matches(".scroll") && element.querySelector("tbody tr:not(.group) > th");
  if (paper || !kept) { tell("cut", element.className || element.tagName); continue; }
  element.scrollLeft = 1e6;
  if (Math.abs(kept.getBoundingClientRect().left - element.getBoundingClientRect().left) > 1) tell("first column", element.ariaLabel);
  element.scrollLeft = 0;
}

// Every piece of text with its rectangle, clipped by the box that scrolls it.
const pieces = [];
const clipped = (rect, node) => {
  const box = node.parentElement.closest(".scroll")?.getBoundingClientRect();
  const right = box ? Math.min(rect.right, box.right) : rect.right;
  return { left: rect.left, right, top: rect.top, bottom: rect.bottom, free: !box };
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  const parent = node.parentElement;
  if (!node.data.trim() || parent.closest("script, style, select, title, #tip") || !shown(parent)) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const drawn = parent.closest("svg");
  for (const rect of drawn ? [parent.getBoundingClientRect()] : range.getClientRects()) {
    if (rect.width) pieces.push({ text: node.data, node, drawn, ...clipped(rect, node) });
  }
}

// Off the page, cut with an ellipsis, illegible.
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/[\d.]+/g).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const page = luminance(getComputedStyle(document.body).backgroundColor);
for (const piece of pieces) {
  if (piece.free && (piece.left < -1 || piece.right > width + 1)) tell("off the page", piece.text);
  if (piece.drawn && piece.text.includes("…")) tell("cut", piece.text);
  const style = getComputedStyle(piece.node.parentElement);
  const ink = luminance(piece.drawn ? style.fill : style.color);
  const contrast = (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
  if (contrast < 3 && !piece.node.parentElement.closest(".tag")) tell("illegible", piece.text);
}

// Over one another: text over text, text of a plot over its lines and marks.
const SLACK = 2;
const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > SLACK;
pieces.sort((a, b) => a.top - b.top);
pieces.forEach((piece, at) => {
  for (let next = at + 1; next < pieces.length && pieces[next].top < piece.bottom; next += 1) {
    if (pieces[next].node !== piece.node && meet(piece, pieces[next])) tell("overlap", `${piece.text} / ${pieces[next].text}`);
  }
});
for (const plot of document.querySelectorAll(".plot svg")) {
  if (!shown(plot)) continue;
  const labels = pieces.filter((piece) => piece.drawn === plot);
  const lines = plot.querySelectorAll(".mark-rule:not([class*='role-axis']) line, .role-axis-domain line, .mark-symbol path");
  for (const line of lines) {
    const { left, right, top, bottom } = line.getBoundingClientRect();
    const drawn = { left: left - SLACK, right: right + SLACK, top: top - SLACK, bottom: bottom + SLACK };
    for (const label of labels) {
      const inner = { left: label.left + 1, right: label.right - 1, top: label.top + 3, bottom: label.bottom - 3 };
      if (meet(inner, drawn)) tell("label across a line", label.text);
    }
  }
}

// Only figures stand on the right, and no text has backticks.
for (const cell of document.querySelectorAll("td, th, p, li, dd")) {
  const text = cell.innerText.trim();
  if (!["right", "end"].includes(getComputedStyle(cell).textAlign) || !text || cell.tagName === "TH") continue;
  const figure = text.length <= 40 && /^[\d≤<—+−-]|^(equal|undecided|none|the best|never|unknown|generator-limited)/.test(text);
  if (!figure) tell("prose on the right", text);
}
for (const element of document.body.querySelectorAll("*:not(script)")) {
  const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data);
  const said = [...own, element.title, element.ariaLabel].join(" ");
  if (said.includes("`")) tell("backtick", said);
}

// Above the fold: the answer, and the plot of it.
if (fold) {
  const cards = document.querySelector(".cards").getBoundingClientRect().bottom + scrollY;
  const plot = [...document.querySelectorAll(".lead .plot")].find(shown)?.getBoundingClientRect();
  if (cards > fold) tell("below the fold", `the cards end at ${cards}`);
  if (!plot) tell("below the fold", "no plot");
  else if (plot.top + scrollY + Math.min(plot.height, 100) > fold) tell("below the fold", `the plot begins at ${plot.top + scrollY}`);
}
return [...new Set(found)];
