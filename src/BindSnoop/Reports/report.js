"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const pageSize = 100;
  const two = n => String(n).padStart(2, "0");

  // As of the machine that made the report, wherever it is read.
  const shifted = ms => new Date(ms + data.offset * 60000);
  const time = ms => {
    const d = shifted(ms);
    return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(d.getUTCMilliseconds()).padStart(3, "0")}`;
  };

  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const collator = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);

  // ---- tables

  // Headings become buttons that sort; a field filters. What sort and filter do is up to the table.
  const tools = (table, label, sort, filter) => {
    const said = make("span", { role: "status", class: "said" });
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = make("button", { type: "button" }, heading.textContent);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach(h => h.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(column, descending);
        said.textContent = `Sorted by ${button.textContent}, ${descending ? "descending" : "ascending"}.`;
      });
    });
    const field = make("input", { type: "search", spellcheck: "false", autocomplete: "off" });
    let waiting;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { said.textContent = filter(field.value.trim().toLowerCase()); }, 150);
    });
    return make("div", { class: "tools" }, make("label", {}, `Filter ${label}: `, field), said);
  };

  for (const table of document.querySelectorAll("table.data")) {
    const body = table.tBodies[0];
    if (body.rows.length < 2) continue;
    const region = table.parentElement;
    const valueOf = (row, column) => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
    };
    region.before(tools(table, region.getAttribute("aria-label").toLowerCase(), (column, descending) => {
      const rows = [...body.rows].sort((a, b) => compare(valueOf(a, column), valueOf(b, column)) * (descending ? -1 : 1));
      body.append(...rows);
    }, text => {
      let shown = 0;
      for (const row of body.rows) {
        row.hidden = text !== "" && !row.textContent.toLowerCase().includes(text);
        shown += row.hidden ? 0 : 1;
      }
      return `${shown} of ${body.rows.length} rows.`;
    }));
  }

  // ---- the list of events, of which one page is in the document

  const list = document.getElementById("event-list");
  if (list) {
    const { callers, targets, outcomes, rows } = data.events;
    const width = 6, count = rows.length / width;
    const times = new Float64Array(count);
    for (let i = 0, now = 0; i < count; i++) {
      const since = rows[i * width];
      times[i] = since < 0 ? -1 : (now += since);
    }
    const caller = i => callers[rows[i * width + 1]];
    const target = i => targets[rows[i * width + 2]];
    const outcome = i => outcomes[rows[i * width + 3]];
    const columns = [
      ["Time", i => times[i], i => times[i] < 0 ? "" : time(times[i])],
      ["Call", i => target(i)[0]],
      ["Program", i => caller(i)[0]],
      ["Process", i => rows[i * width + 5], null, "n"],
      ["User", i => caller(i)[1]],
      ["Container or unit", i => caller(i)[2]],
      ["Protocol", i => target(i)[1]],
      ["Address", i => target(i)[2]],
      ["Port", i => rows[i * width + 4], null, "n"],
      ["Result", i => outcome(i)[0]],
      ["Cause", i => outcome(i)[1]],
    ];
    const body = make("tbody", {});
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...columns.map(([name, , , kind]) => make("th", { scope: "col", class: kind ?? "" }, name)))), body);
    const back = make("button", { type: "button" }, "Previous");
    const on = make("button", { type: "button" }, "Next");
    const where = make("span", { role: "status" });
    let shown = Array.from({ length: count }, (_, i) => i), first = 0, order = (a, b) => a - b;
    const show = () => {
      body.replaceChildren(...shown.slice(first, first + pageSize).map(i => {
        const row = make("tr", outcome(i)[0] ? { class: "failed" } : {});
        for (const [, value, text, kind] of columns) row.append(make("td", kind ? { class: kind } : {}, String((text ?? value)(i))));
        return row;
      }));
      where.textContent = shown.length ? `${(first + 1).toLocaleString("en")} to ${Math.min(first + pageSize, shown.length).toLocaleString("en")} of ${shown.length.toLocaleString("en")}` : "None";
      back.disabled = first === 0;
      on.disabled = first + pageSize >= shown.length;
    };
    const go = to => { first = Math.max(0, to); show(); };
    back.addEventListener("click", () => go(first - pageSize));
    on.addEventListener("click", () => go(first + pageSize));
    const region = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Events" }, table);

    // Texts are compared once each, and not for every pair of events.
    const keysOf = value => {
      const values = Array.from({ length: count }, (_, i) => value(i));
      if (typeof values[0] === "number") return values;
      const ranks = new Map([...new Set(values)].sort(collator.compare).map((text, rank) => [text, rank]));
      return values.map(text => ranks.get(text));
    };
    list.append(tools(table, "events", (column, descending) => {
      const keys = keysOf(columns[column][1]);
      order = (a, b) => ((keys[a] - keys[b]) * (descending ? -1 : 1)) || a - b;
      shown.sort(order);
      go(0);
    }, text => {
      const has = texts => texts.map(names => names.some(name => name.toLowerCase().includes(text)));
      const ofCaller = has(callers), ofTarget = has(targets), ofOutcome = has(outcomes);
      shown = [];
      for (let i = 0; i < count; i++) {
        const at = i * width;
        if (ofCaller[rows[at + 1]] || ofTarget[rows[at + 2]] || ofOutcome[rows[at + 3]] || String(rows[at + 4]) === text || String(rows[at + 5]) === text ||
          (times[i] >= 0 && text.length > 3 && time(times[i]).includes(text))) shown.push(i);
      }
      shown.sort(order);
      go(0);
      return `${shown.length} of ${count} events.`;
    }), region, make("div", { class: "pages" }, back, where, on));
    show();
  }

  // ---- charts

  const colors = ["--ok", "--bad", "--c3", "--c4", "--c5", "--c6"];
  const draw = (id, source, palette) => {
    const place = document.getElementById(id);
    if (!place || source.series.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const color = name => style.getPropertyValue(name).trim();
    const named = source.series.slice(0, palette.length);
    const rest = source.series.slice(palette.length);
    if (rest.length) {
      named[palette.length - 1] = { label: "all other", values: source.series[palette.length - 1].values.map((v, i) => rest.reduce((sum, s) => sum + s.values[i], v)) };
    }
    const xs = named[0].values.map((_, i) => (source.start + i * source.step) / 1000);

    // Bars on top of each other: the first that is drawn is the sum of all.
    const sums = named.map((_, n) => xs.map((_, i) => named.slice(n).reduce((sum, s) => sum + s.values[i], 0)));
    const step = source.step / 1000;
    const axis = { stroke: color("--text"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    place.replaceChildren();
    new uPlot({
      width: document.documentElement.classList.contains("printing") ? 680 : place.clientWidth,
      height: 240,
      tzDate: seconds => {
        const d = shifted(seconds * 1000);
        return new Date(d.getTime() + d.getTimezoneOffset() * 60000);
      },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { range: [xs[0], xs[xs.length - 1] + step] }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] } },
      axes: [
        { ...axis, space: 90, values: (_, splits) => splits.map(s => time(s * 1000).slice(...(step * xs.length > 259200 ? [5, 10] : step * xs.length > 600 ? [11, 16] : [11, 19]))) },
        { ...axis, size: 60, values: (_, splits) => splits.map(s => Number.isInteger(s) ? s.toLocaleString("en") : "") },
      ],
      series: [
        { label: "From", value: (_, v) => v == null ? "--" : time(v * 1000).slice(0, 19) },
        ...named.map((s, n) => ({
          label: s.label,
          fill: color(palette[n]),
          stroke: color(palette[n]),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [0.9, 60], align: 1 }),
          value: (_, v, __, i) => i == null ? "--" : s.values[i].toLocaleString("en"),
        })),
      ],
    }, [xs, ...sums], place);
  };
  const drawAll = () => {
    draw("chart-timeline", data.timeline, data.timeline.series.map(s => ({ Binds: "--ok", Failed: "--bad", Listens: "--c3", Accepts: "--c4", Released: "--c5" })[s.label]));
    draw("chart-causes", data.causes, colors.slice(1));
  };
  drawAll();
  let resizing;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(drawAll, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  // Paper is light.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("printing");
    drawAll();
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    drawAll();
  });
})();
