"use strict";

// The page of questions: what is typed finds the rows that answer it, the best first. A word counts the more, the fewer
// rows have it, and twice in a question (inverse document frequency: Spärck Jones, 1972).

(() => {
  const MOST = 3; // answers shown
  const ENOUGH = 0.5; // of the best answer's weight
  const IN_QUESTION = 2; // how often a word of the question counts
  const WITHOUT_MEANING = new Set((
    "a an and another any api are as at be best better by can code could do does each faster for from get give " +
    "good handle has have help here how i if in instead is it its json just make me move much my need of on one " +
    "or our over per python run service set should so swap switch take than that the their them there they this " +
    "time to under use using want was we what when which will with without worth would you your"
  ).split(" "));
  const box = document.getElementById("asked");
  const answers = document.getElementById("answers");

  const stem = (word) => word.replace(/[.?!]+$/, "").replace(/(?<=...)(ing|es|s|ed|e)$/, "");
  const SAME = Object.fromEntries(Object.entries({
    believe: "trust", benchmark: "measure", boot: "start", cheap: "cost", docker: "container", expensive: "cost",
    javascript: "nodejs", jvm: "java", latency: "p99", less: "cut", lower: "cut", money: "cost", monthly: "month",
    price: "cost", ram: "memory", reduce: "cut", response: "answer", rss: "memory", shrink: "cut", speedup: "speed",
    startup: "start", tail: "p99", traffic: "load", warmup: "warm",
  }).map((pair) => pair.map(stem)));
  const words = (text) => (text.toLowerCase().match(/[a-z0-9#+.]+/g) ?? [])
    .filter((word) => !WITHOUT_MEANING.has(word)).map(stem).map((word) => SAME[word] ?? word);
  const rows = [...document.querySelectorAll("article table tbody tr")].map((row) => ({
    cells: [...row.cells],
    question: words(row.cells[0].textContent),
    all: words(row.textContent),
  }));

  // A word may be one that is still being typed.
  const has = (some, word) => some.some((each) => each === word || (word.length > 2 && each.startsWith(word)));
  const found = (asked) => {
    const counts = asked.map((word) => [word, rows.filter((row) => has(row.all, word)).length]);
    const weights = counts.filter(([, count]) => count).map(([word, count]) => [word, Math.log(rows.length / count)]);
    const weigh = (row) => weights.reduce((sum, [word, each]) =>
      sum + (has(row.question, word) ? IN_QUESTION * each : has(row.all, word) ? each : 0), 0);
    const weighed = rows.map((row) => [row, weigh(row)]).sort(([row, one], [other, two]) =>
      two - one || row.question.length - other.question.length); // of two with the words, the shorter question
    return weighed.filter(([, each]) => each > 0 && each >= ENOUGH * weighed[0][1]).slice(0, MOST).map(([row]) => row);
  };

  // A row as a question with what is known of it.
  const shown = ({ cells: [question, ...parts] }) => {
    const term = document.createElement("dt");
    term.append(...question.cloneNode(true).childNodes);
    const details = parts.filter((cell) => cell.textContent.trim()).map((cell) => {
      const detail = document.createElement("dd");
      detail.append(cell === parts[2] ? "Not measured: " : "", ...cell.cloneNode(true).childNodes);
      return detail;
    });
    return [term, ...details];
  };
  const answer = () => {
    const asked = [...new Set(words(box.value))];
    const best = found(asked);
    answers.replaceChildren(...best.flatMap(shown));
    if (asked.length && !best.length) answers.textContent = "No row has these words. All questions are below.";
  };

  box.addEventListener("input", answer);
  box.closest("form").addEventListener("submit", (event) => event.preventDefault());
  box.closest("form").hidden = false;
  if (!location.hash) box.focus({ preventScroll: true });
  answer(); // a browser may have kept what was typed
})();
