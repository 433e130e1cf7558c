"use strict";
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const one = (query, within = document) => within.querySelector(query);
  const on = (target, type, act, capture) => target.addEventListener(type, act, capture);
  const mark = (element, name, value) => element.setAttribute(name, value);
  const facts = JSON.parse(one("#facts").textContent);
  const said = one("#said");
  const say = words => { said.textContent = words; };

  // The drawing is there once more where the backward pass is walked through.
  all("[data-copy]").forEach(slot => {
    const id = slot.dataset.copy;
    slot.innerHTML = one("#" + id).outerHTML.replaceAll(id, "walk-" + id);
  });

  // What stands where: each place knows its symbol and its entry. `written` has those in formulas and in
  // code, `drawn` those in drawings, a line both under its weight and under what it connects.
  const places = new Map(), written = new Map(), drawn = new Map();
  const enter = (map, key, place) => map.has(key) ? map.get(key).push(place) : map.set(key, [place]);
  const place = (element, name, entry) => {
    const symbol = facts.same[name] || name;
    const known = {element, symbol, entry: symbol === name ? entry : entry.split("/")[1] || ""};
    places.set(element, known);
    return known;
  };
  all("[data-s]").forEach(e => {
    const known = place(e, e.dataset.s, e.dataset.e || "");
    enter(written, known.symbol, known);
  });
  // A thin line is hard to point at.
  all(".net .line").forEach(line => {
    const wide = line.cloneNode();
    mark(wide, "class", "hit");
    line.before(wide);
  });
  all(".net :is([data-symbol], [data-from])").forEach(e => {
    const d = e.dataset, link = d.from && d.to + "/" + d.from;
    const known = place(e, d.symbol || link, (d.weight || d.unit || "").split(":")[1] || "");
    if (d.symbol) enter(drawn, d.symbol, known);
    if (link) enter(drawn, link, known);
  });

  const fits = (a, b) => !a || !b || a === b;
  const at = (map, key, entry) => (map.get(key) || []).filter(p => fits(p.entry, entry));
  const drawing = (symbol, entry) => {
    for (let key = symbol, n = 0; key && n < 20; key = facts.shown[key], n++)
      if (drawn.has(key)) return at(drawn, key, entry);
    return [];
  };
  const found = ({symbol, entry}) => {
    const here = at(written, symbol, entry);
    if (!symbol.includes("/")) return [...here, ...drawing(symbol, entry)];
    const [of, wrt] = symbol.split("/"), [to, from] = entry ? entry.split("/") : ["", ""];
    const lines = at(drawn, symbol, to && from && to + "," + from);
    return [...here, ...lines, ...drawing(of, to), ...drawing(wrt, from)];
  };

  // Lighting up: what is pointed at or chosen with the keys, and else what was clicked.
  let pinned = null, lit = [];
  const light = known => {
    lit.forEach(p => p.element.classList.remove("on"));
    lit = known ? found(known) : [];
    lit.forEach(p => p.element.classList.add("on"));
    document.dispatchEvent(new CustomEvent("lit", {detail: known}));
  };
  const outermost = target => {
    let best = null;
    for (let e = target; e; e = e.parentElement) if (places.has(e)) best = e;
    return best && places.get(best);
  };
  on(document, "pointerover", e => light(outermost(e.target) || pinned));
  on(document, "pointerleave", () => light(pinned));
  on(document, "click", e => {
    const known = outermost(e.target);
    if (!known && e.target.closest("a,button,input,summary")) return;
    pinned = known && !(pinned && pinned.element === known.element) ? known : null;
    light(pinned);
  });

  // The same with keys: an equation or a drawing has the focus, arrows choose in it.
  // One of the equations can be reached with Tab, the others from there.
  const rows = all(".eq, .net"), chosen = new Map(), equations = rows.filter(row => row.matches(".eq"));
  rows.forEach(row => {
    const number = one(".n", row), title = one("svg > title", row);
    row.tabIndex = row.matches(".net") || row === equations[0] ? 0 : -1;
    mark(row, "role", "group");
    mark(row, "aria-label", title ? title.textContent : number ? `Equation ${number.textContent}` : "Equation");
  });
  const turn = (row, way) => {
    const seen = equations.filter(e => e.checkVisibility()), next = seen[seen.indexOf(row) + way];
    if (next) next.focus();
  };
  on(document, "focusin", ({target}) => {
    if (target.matches(".eq")) equations.forEach(e => { e.tabIndex = e === target ? 0 : -1; });
  });
  const choose = (row, way) => {
    const inside = all("[data-s], [data-symbol]:not(.hit), .line", row).map(outermost);
    const listed = [...new Map(inside.map(p => [p.symbol + ":" + p.entry, p])).values()];
    if (!listed.length) return;
    const last = chosen.has(row) ? chosen.get(row) : way > 0 ? -1 : listed.length;
    const next = (last + way + listed.length) % listed.length, {symbol, entry} = listed[next];
    chosen.set(row, next);
    light(listed[next]);
    listed[next].element.scrollIntoView({block: "nearest", inline: "nearest"});
    const tip = one("#live-tip"), value = tip && !tip.hidden ? ` = ${tip.textContent}` : "";
    const name = listed[next].element.textContent.trim() || `${symbol}${entry && `[${entry}]`}`;
    say(`${name}${value}: ${lit.length} places`);
  };
  on(document, "keydown", e => {
    if (e.key === "Escape") { pinned = null; light(); say(""); }
    if (!e.target.matches(".eq, .net")) return;
    const way = {ArrowRight: 1, ArrowLeft: -1}[e.key];
    if (way) { e.preventDefault(); choose(e.target, way); }
    const row = e.target.matches(".eq") && {ArrowDown: 1, ArrowUp: -1}[e.key];
    if (row) { e.preventDefault(); turn(e.target, row); }
    if (e.key === "Enter" && e.target.dataset.tex) copy(e.target);
  });
  on(document, "focusout", e => {
    if (chosen.delete(e.target)) { light(pinned); say(""); }
  });

  // The LaTeX of an equation.
  const button = document.createElement("button");
  Object.assign(button, {type: "button", className: "copy", textContent: "copy LaTeX", tabIndex: -1});
  const copy = async row => {
    try {
      await navigator.clipboard.writeText(row.dataset.tex);
    } catch {
      const area = document.createElement("textarea");
      area.value = row.dataset.tex;
      row.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      row.focus();
    }
    say("LaTeX copied");
    setTimeout(say, 2000, "");
  };
  on(button, "click", () => copy(button.parentElement));
  rows.filter(row => row.dataset.tex).forEach(row => {
    on(row, "pointerenter", () => row.append(button));
    on(row, "pointerleave", () => button.remove());
  });

  // Folds; a link into one opens it, and so does the printer.
  const folds = all("details"), every = one("#folds");
  on(every, "click", () => {
    const open = mark_pressed(every);
    folds.forEach(f => { f.open = open; });
    every.textContent = open ? "Fold all" : "Unfold all";
  });
  every.hidden = !folds.length;
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    if (target) target.scrollIntoView();
  };
  on(window, "hashchange", reveal);
  let closed = [];
  on(window, "beforeprint", () => {
    closed = folds.filter(f => !f.open && !f.closest("#code"));
    closed.forEach(f => { f.open = true; });
  });
  on(window, "afterprint", () => closed.forEach(f => { f.open = false; }));

  // Light and dark.
  const theme = one("#theme"), chosen_theme = document.documentElement.dataset;
  mark(theme, "aria-pressed", matchMedia("(prefers-color-scheme: dark)").matches);
  on(theme, "click", () => { chosen_theme.theme = mark_pressed(theme) ? "dark" : "light"; });

  // The backward pass, step by step.
  all(".walk").forEach(walk => {
    const steps = all("ol > li", walk), last = steps.length - 1, range = one("input", walk), turns = all("button", walk);
    const parts = steps.map(({dataset: {symbols = "", drawn: shown = "", numbers = "0"}}) => [
      ...symbols.split(" ").flatMap(s => [
        ...at(written, facts.same[s] || s), ...at(drawn, s).filter(({element: e}) => !e.dataset.symbol && !e.closest("#live"))]),
      ...shown.split(" ").flatMap(s => drawing(s)),
    ].map(p => p.element).concat(numbers.split(" ").flatMap(n => all(`#eq-${n}`))));
    const go = number => {
      const step = Math.max(0, Math.min(last, number));
      range.value = step;
      mark(range, "aria-valuetext", `step ${step} of ${last}`);
      steps.forEach((li, n) => { li.hidden = n !== step; });
      all(".now, .was").forEach(e => e.classList.remove("now", "was"));
      parts.slice(0, step + 1).forEach((list, n) => list.forEach(({classList}) => {
        classList.toggle("was", n < step);
        classList.toggle("now", n === step);
      }));
      turns.forEach(b => mark(b, "aria-disabled", step === (+b.value < 0 ? 0 : last)));
    };
    on(range, "input", () => go(+range.value));
    turns.forEach(b => on(b, "click", () => go(+range.value + +b.value)));
    go(0);
    walk.hidden = false;
  });

  // What scrolls within itself can be reached with the keys.
  const scroll = ([e, wide]) => {
    const what = e.matches(".scroll") ? "Table" : e.matches("pre") ? "Code" : "Formula";
    const is = {tabindex: 0, role: "group", "aria-label": `${what}, scrolls sideways`};
    Object.keys(is).forEach(name => { if (wide) mark(e, name, is[name]); else e.removeAttribute(name); });
  };
  const measure = list => list.map(e => [e, e.scrollWidth > e.clientWidth + 1]).forEach(scroll);
  const scrolls = () => {
    measure(all(".r > span, .l, .wide, .scroll, pre"));
    all(".net").forEach(e => e.classList.toggle("cut", e.scrollWidth > e.clientWidth + 1));
  };
  on(document, "changed", e => measure([e.target]));
  on(window, "resize", scrolls);
  on(document, "toggle", scrolls, true);
  document.fonts.ready.then(scrolls);

  // Where the reader is.
  const seen = new IntersectionObserver(entries => entries.forEach(({isIntersecting, target}) => {
    if (!isIntersecting) return;
    all("nav a").forEach(a => a.removeAttribute("aria-current"));
    mark(one(`nav [href="#${target.id}"]`), "aria-current", "true");
  }), {rootMargin: "-20% 0px -75% 0px"});
  all("main > section").forEach(section => seen.observe(section));

  all(".tools, .help").forEach(e => { e.hidden = false; });
  reveal();

  function mark_pressed(button) {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    mark(button, "aria-pressed", pressed);
    return pressed;
  }
})();
