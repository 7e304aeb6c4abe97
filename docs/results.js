"use strict";

// The results page: filters, stacks side by side, history. The address after # holds the whole choice, so that a link
// repeats it. The data is `window.RESULTS`, written by bench/report/site.

(() => {
  const MOST = 4; // stacks side by side
  const SHOWN = 12; // rows of a table before "show all"
  const OPEN = { all: 1, filtered: 4 }; // tables that are open at first
  const FILTERS = { study: "Study", workload: "Workload", server: "Server", variant: "Variant", machine: "Machine" };
  const { quantities, sessions } = window.RESULTS;
  const root = document.getElementById("explorer");
  const whole = new Set(); // groups of which all rows are shown
  const toggled = new Map(); // groups that the reader opened (true) or closed

  // Every entry, with what the filters ask for.
  const entries = sessions.flatMap((session) => session.groups.flatMap((group) => group.entries.map((entry, at) => ({
    session, group, entry, at,
    id: [session.name, group.workload, group.load, entry.stack].join("|"),
    study: session.study,
    workload: group.title,
    server: entry.server.split("+")[0],
    variant: entry.variant,
    machine: session.machine,
  }))));
  const byId = new Map(entries.map((each) => [each.id, each]));

  // An element with attributes, listeners (on…) and children.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  // ---- the choice, in the address ----

  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const filters = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, asked.get(name) ?? ""]));
    const figure = asked.get("figure") in quantities ? asked.get("figure") : "cpu";
    return { filters, figure, picks: asked.getAll("pick").filter((id) => byId.has(id)).slice(0, MOST) };
  };
  const write = ({ filters, figure, picks }) => {
    const asked = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
    if (figure !== "cpu") asked.set("figure", figure);
    picks.forEach((id) => asked.append("pick", id));
    location.replace(`#${asked.toString() || "all"}`); // an empty one would scroll to the top
  };
  const passes = (each, filters, but) =>
    Object.keys(FILTERS).every((name) => name === but || !filters[name] || each[name] === filters[name]);

  // ---- figures as text ----

  const number = (value) => {
    if (value === 0) return "0";
    const decimals = 2 - Math.floor(Math.log10(Math.abs(value)));
    const rounded = Number(value.toPrecision(3));
    const shown = Math.max(0, Math.min(decimals, 20));
    return rounded.toLocaleString("en-US", { minimumFractionDigits: shown, maximumFractionDigits: shown });
  };
  // The ratio of two entries of one group: estimate, ends of its interval, verdict.
  const ratio = (above, below) => {
    const rows = above.group.ratios;
    if (!rows.length) return null;
    if (above.at > below.at) return rows[above.at][below.at];
    const turned = rows[below.at][above.at];
    return turned && [1 / turned[0], turned[2] && 1 / turned[2], turned[1] && 1 / turned[1], turned[3]];
  };
  const judged = ([estimate, low, high, verdict]) => {
    const between = low && high ? ` (${number(low)}–${number(high)})` : "";
    return (verdict === "s" || !between ? `${number(estimate)}×` : verdict === "e" ? "equal" : "undecided") + between;
  };
  // How an entry stands to the first one, if one session has both.
  const versus = (each, first, figure) => {
    if (each === first) return "1×";
    if (each.session !== first.session || each.group !== first.group) return "another session or load";
    const own = figure === (each.group.load ? "cpu" : "time") ? ratio(each, first) : null;
    return own ? judged(own) : `${number(each.entry.figures[figure] / first.entry.figures[figure])}×`;
  };
  const minute = (session) => session.started.slice(0, 16).replace("T", " ");
  const when = (session) => session.sessions > 1 ? `${session.sessions} sessions` : minute(session);
  const place = (session) => `${session.machine}, commit ${session.commit.slice(0, 7) || "unknown"}`;

  // ---- parts of the page ----

  // Rows of { label, note, value, beside, before }: a bar from zero each, on one scale.
  const bars = (rows) => {
    const top = Math.max(...rows.map((row) => row.value ?? 0));
    return make("ul", { class: "bars" }, ...rows.map((row) => make("li", {},
      make("span", { class: "name" }, row.before ?? null, make("span", { title: row.note ?? false }, row.label)),
      make("span", { class: "bar", "aria-hidden": "true" },
        row.value === undefined ? null : make("span", { style: `width: ${100 * row.value / top}%` })),
      make("span", { class: "value" }, row.value === undefined ? "—" : number(row.value)),
      make("span", { class: "beside" }, row.beside ?? ""))));
  };

  // The rows as a CSV file, and the command that measures them again.
  const source = (name, heads, rows, commands) => {
    const quoted = (cell) => /[",\n]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell ?? "");
    const text = [heads, ...rows].map((row) => row.map(quoted).join(",")).join("\n");
    const href = `data:text/csv;charset=utf-8,${encodeURIComponent(`${text}\n`)}`;
    return make("p", { class: "source" }, make("a", { href, download: `${name}.csv` }, "Data (CSV)"),
      ...commands.flatMap((command) => [" · ", make("code", {}, command)]));
  };

  const filterBar = (choice) => {
    const select = (name, title, options, value, set) => make("label", {}, title,
      make("select", { name, onchange: (event) => set(event.target.value) },
        ...options.map(([key, text]) => make("option", { value: key, selected: key === value }, text))));
    const filters = Object.entries(FILTERS).map(([name, title]) => {
      const found = new Set(entries.filter((each) => passes(each, choice.filters, name)).map((each) => each[name]));
      const options = [["", "all"], ...[...found].sort().map((value) => [value, value])];
      const set = (value) => write({ ...choice, filters: { ...choice.filters, [name]: value } });
      return select(name, title, options, choice.filters[name], set);
    });
    const shown = Object.entries(quantities).map(([name, { title, unit }]) => [name, `${title}, ${unit}`]);
    return make("form", { class: "filters" }, ...filters,
      select("figure", "Figure", shown, choice.figure, (figure) => write({ ...choice, figure })),
      make("button", { type: "button", onclick: () => write({ filters: {}, figure: "cpu", picks: [] }) }, "Clear"));
  };

  const sideBySide = (choice) => {
    const picked = choice.picks.map((id) => byId.get(id));
    if (!picked.length) return make("p", { class: "hint" }, `Tick two to ${MOST} stacks to see them side by side.`);
    const [first] = picked;
    const drop = (each) => make("button", {
      type: "button", "aria-label": `remove ${each.entry.stack}`,
      onclick: () => write({ ...choice, picks: choice.picks.filter((id) => id !== each.id) }),
    }, "×");
    const names = picked.map((each) => make("li", {}, drop(each), " ", make("strong", {}, each.entry.stack),
      ` ${each.group.title} · ${each.study}, ${when(each.session)} · ${place(each.session)}`));
    const kinds = Object.entries(quantities).filter(([name]) => picked.some((each) => name in each.entry.figures));
    const shown = kinds.flatMap(([name, { title, unit }]) => [
      make("h4", {}, `${title}, ${unit}`),
      bars(picked.map((each) => ({
        label: each.entry.stack, note: each.entry.title, value: each.entry.figures[name],
        beside: name in each.entry.figures && name in first.entry.figures ? versus(each, first, name) : "",
      }))),
    ]);
    const heads = ["stack", "workload", "study", "measured", "machine", "commit",
      ...kinds.map(([, { title, unit }]) => `${title}, ${unit}`)];
    const rows = picked.map((each) => [each.entry.stack, each.group.title, each.study, each.session.started, each.machine,
      each.session.commit, ...kinds.map(([name]) => each.entry.figures[name] ?? "")]);
    const commands = [...new Set(picked.map((each) => each.session.command))];
    return make("section", { class: "picked" }, make("h3", {}, "Side by side"), make("ul", { class: "picks" }, ...names),
      picked.length > 1 ? make("p", { class: "hint" }, `× is relative to ${first.entry.stack}.`) : null,
      ...shown, source("side-by-side", heads, rows, commands), history(choice, picked));
  };

  // The figure of each picked stack in every session that has it, the oldest first.
  const history = (choice, picked) => {
    const { title, unit } = quantities[choice.figure];
    const parts = [...new Map(picked.map((each) => [`${each.entry.stack}|${each.group.workload}|${each.group.load}`, each]))
      .values()].map((pick) => {
      const same = entries.filter((each) => each.session.sessions === 1 && each.entry.stack === pick.entry.stack
        && each.group.workload === pick.group.workload && each.group.load === pick.group.load
        && choice.figure in each.entry.figures);
      same.sort((one, two) => one.session.started.localeCompare(two.session.started));
      if (!same.length) return null;
      const label = ({ session }) => `${minute(session)} · ${session.study}`;
      return make("div", { class: "history" }, make("h4", {}, `${pick.entry.stack}: ${pick.group.title}`),
        bars(same.map((each) => ({
          label: label(each), note: place(each.session), value: each.entry.figures[choice.figure],
          beside: `${each.session.commit.slice(0, 7)} · ${each.machine.split(",")[0]}`,
        }))),
        source(`history-${pick.entry.stack.replaceAll("/", "-")}`, ["measured", "study", "commit", "machine", `${title}, ${unit}`],
          same.map((each) => [each.session.started, each.study, each.session.commit, each.machine,
            each.entry.figures[choice.figure]]), [...new Set(same.map((each) => each.session.command))]));
    }).filter((part) => part);
    return parts.length ? make("div", {}, make("h3", {}, `${title} over sessions and commits, ${unit}`), ...parts)
      : make("p", { class: "hint" }, `No session has “${title}” of these stacks.`);
  };

  const groupOf = (choice, group, found, open) => {
    const { session } = found[0];
    const { title, unit } = quantities[choice.figure];
    const sign = choice.figure === "capacity" ? -1 : 1;
    const rows = [...found].sort((one, two) => sign * (one.entry.figures[choice.figure] - two.entry.figures[choice.figure]));
    const [best] = rows;
    const key = `${session.name}|${group.workload}|${group.load}`;
    const shown = whole.has(key) ? rows : rows.slice(0, SHOWN);
    const toggle = (each) => make("input", {
      type: "checkbox", checked: choice.picks.includes(each.id), "aria-label": `compare ${each.entry.stack}`,
      name: each.id,
      disabled: choice.picks.length >= MOST && !choice.picks.includes(each.id),
      onchange: (event) => write({
        ...choice,
        picks: event.target.checked ? [...choice.picks, each.id] : choice.picks.filter((id) => id !== each.id),
      }),
    });
    const heads = ["stack", "variant", "framework", "server", `${title}, ${unit}`, "relative to the first"];
    const cells = rows.map((each) => [each.entry.stack, each.entry.variant, each.entry.framework, each.entry.server,
      each.entry.figures[choice.figure], versus(each, best, choice.figure)]);
    const twice = session.groups.filter((other) => other.load && other.workload === group.workload).length > 1;
    const under = twice && group.load ? ` · ${group.loadTitle.split(":")[0]}` : "";
    const page = session.source.page?.replace(/\.md$/, ".html");
    const said = [session.source.former ? "former session" : null, group.loadTitle, place(session)].filter((part) => part);
    const turn = (event) => toggled.set(key, !event.currentTarget.parentElement.open);
    return make("details", { class: "group", open: toggled.get(key) ?? open },
      make("summary", { onclick: turn }, make("span", { class: "rows" }, `${rows.length}`),
        make("strong", {}, group.title), ` ${session.study}, ${when(session)}${under}`),
      make("p", { class: "hint" }, ...(page ? [make("a", { href: page }, "finding"), " · "] : []), said.join(" · ")),
      bars(shown.map((each) => ({
        label: each.entry.stack, note: each.entry.title, value: each.entry.figures[choice.figure],
        beside: rows.length > 1 ? versus(each, best, choice.figure) : "", before: toggle(each),
      }))),
      rows.length > shown.length ? make("button", {
        type: "button", onclick: () => { whole.add(key); render(); },
      }, `Show all ${rows.length}`) : null,
      source(`${session.study}-${group.workload}-${choice.figure}`, heads, cells, [session.command]));
  };

  // Returns what gives the focus back after the page is drawn anew, and keeps its control where it was in the window.
  const held = () => {
    const { activeElement } = document;
    const name = root.contains(activeElement) && activeElement.name;
    const top = activeElement?.getBoundingClientRect().top;
    return () => {
      const again = name && root.querySelector(`[name="${CSS.escape(name)}"]`);
      if (!again) return;
      again.focus({ preventScroll: true });
      scrollBy({ top: again.getBoundingClientRect().top - top, behavior: "instant" });
    };
  };

  const render = () => {
    const choice = read();
    const stay = held();
    const found = entries.filter((each) => passes(each, choice.filters) && choice.figure in each.entry.figures);
    const groups = new Map();
    for (const each of found) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
    const open = Object.values(choice.filters).some((value) => value) ? OPEN.filtered : OPEN.all;
    const count = `${found.length} figures in ${groups.size} tables`;
    root.replaceChildren(filterBar(choice), sideBySide(choice),
      make("h3", {}, `${quantities[choice.figure].title}, ${quantities[choice.figure].unit}`),
      make("p", { class: "count", "aria-live": "polite" }, count),
      ...[...groups].map((pair, at) => groupOf(choice, ...pair, at < open)),
      choice.picks.length ? make("button", {
        type: "button", class: "jump",
        onclick: () => root.querySelector(".picked").scrollIntoView(),
      }, `${choice.picks.length} of ${MOST} side by side ↑`) : "");
    stay();
  };

  root.hidden = false;
  addEventListener("hashchange", render);
  render();
})();
