"use strict";
(() => {
  const live = document.querySelector("#live");
  if (!live) return;
  const all = (query, within = live) => [...within.querySelectorAll(query)];
  const one = query => live.querySelector(query);
  const on = (target, type, act) => target.addEventListener(type, act);
  const mark = (element, name, value) => element.setAttribute(name, value);
  const known = JSON.parse(document.querySelector("#facts").textContent).live;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const {sizes} = known;

  // The numbers: arrays with the indices of the equations; an entry is written "W1:2,1", without its sample.
  let values, sample = 1, chosen, steps, errors, trail;
  const find = entry => {
    const [name, places] = entry.split(":"), units = places ? places.split(",") : [];
    return [name, [...(known.axes[name] || "")].map(axis => axis === "s" ? sample : +units.shift())];
  };
  const read = entry => {
    const [name, places] = find(entry);
    return places.reduce((part, place) => part[place], values[name]);
  };
  const write = (entry, number) => {
    const [name, places] = find(entry), last = places.pop();
    if (last === undefined) values[name] = number;
    else places.reduce((part, place) => part[place], values[name])[last] = number;
  };
  const compute = () => { derived.forward(values, sizes); derived.backward(values, sizes); };
  const error = () => values[known.error];
  const is_learned = entry => entry.split(":")[0] in known.gradients;

  const shown = number => {
    if (!Number.isFinite(number)) return Number.isNaN(number) ? "undefined" : number > 0 ? "∞" : "−∞";
    const size = Math.abs(number);
    const text = size >= 1e4 || (size && size < 5e-4) ? number.toExponential(1)
      : number.toFixed(size < 10 ? 4 : size < 100 ? 3 : size < 1000 ? 2 : 1);
    const raised = (_, sign, digits) => `×10${sign === "-" ? "⁻" : ""}${[...digits].map(d => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("")}`;
    return text.replace(/e([+-])(\d+)/, raised).replaceAll("-", "−");
  };

  // What changes with the numbers.
  const numbers = all("[data-value]"), inputs = all("[data-input]"), lines = all(".line[data-weight]"), cards = all(".card");
  // An input is a field for numbers, with their keyboard, while it has the focus, and else text with a minus sign.
  const fill = e => {
    const number = read(e.dataset.input), short = +(Math.abs(number) < .01 ? number.toPrecision(2) : number.toFixed(3));
    const text = Number.isFinite(number) ? `${short}` : "";
    e.value = e.type === "number" ? text : text.replaceAll("-", "−");
    mark(e, "aria-valuenow", number);
  };
  const edit = (e, begun) => {
    e.type = begun ? "number" : "text";
    fill(e);
  };
  const draw = () => {
    numbers.forEach(e => { e.textContent = shown(read(e.dataset.value)); });
    inputs.filter(e => e !== document.activeElement || !e.typing).forEach(fill);
    cards.forEach(e => {
      const said = all("[data-say]", e).map(({dataset: {say: name, unit}}) => `${name} ${shown(read(unit))}`.trim());
      mark(e, "aria-label", `${e.dataset.name}: ${said.join(", ")}`);
    });
    lines.forEach(e => {
      const weight = read(e.dataset.weight);
      e.style.setProperty("--wide", Math.min(4, .4 + 1.5 * Math.abs(weight)).toFixed(2));
      e.classList.toggle("negative", weight < 0);
    });
    one("#live-count").textContent = steps;
    one("#live-counted").textContent = steps === 1 ? "step" : "steps";
    explain();
    curve();
    if (canvas) later(surface);
  };
  const waiting = new Set();
  const later = act => {
    if (!waiting.size) requestAnimationFrame(() => { waiting.forEach(one => one()); waiting.clear(); });
    waiting.add(act);
  };
  let saying;
  const say = text => {
    clearTimeout(saying);
    saying = setTimeout(() => { one("#live-said").textContent = text; }, 600);
  };

  const begin = () => {
    steps = 0;
    errors = [error()];
    trail = [structuredClone(learned())];
  };
  const learned = () => Object.fromEntries(Object.keys(known.gradients).map(name => [name, values[name]]));
  const set = (entry, number) => {
    if (!Number.isFinite(number)) return;
    write(entry, number);
    compute();
    if (known.axes[find(entry)[0]]) begin();  // not for the learning rate
    draw();
    say(`The loss is ${shown(error())}.`);
  };
  const reset = () => {
    values = structuredClone(known.given);
    compute();
    begin();
    draw();
  };
  const step = () => {
    derived.update(values, sizes);
    Object.entries(known.next).forEach(([next, name]) => { values[name] = values[next]; });
    compute();
    steps++;
    errors.push(error());
    trail.push(structuredClone(learned()));
    if (!Number.isFinite(error())) run(false);
    draw();
  };

  // The buttons.
  let running = null;
  const run = wanted => {
    const button = one("#live-run");
    button.textContent = wanted ? "Stop" : "Run";
    if (!wanted) {
      clearTimeout(running);
      running = null;
      draw();
      say(`Step ${steps}: the loss is ${shown(error())}.`);
      return;
    }
    const next = () => {
      running = setTimeout(next, still.matches ? 500 : 40);
      step();
    };
    next();
  };
  on(one("#live-step"), "click", () => { step(); say(`Step ${steps}: the loss is ${shown(error())}.`); });
  on(one("#live-run"), "click", () => run(running === null));
  on(one("#live-reset"), "click", () => { run(false); reset(); say(`Reset: the loss is ${shown(error())}.`); });
  const samples = one("#live-sample");
  if (samples) on(samples, "change", () => { sample = +samples.value; draw(); });

  // Numbers are typed, changed with the arrow keys, or dragged sideways.
  inputs.forEach(e => {
    on(e, "input", () => { e.typing = true; if (e.value !== "") set(e.dataset.input, +e.value); });
    on(e, "blur", () => { e.typing = false; edit(e, false); });
    on(e, "focus", () => { edit(e, true); e.select(); choose(e.dataset.input); });
    mark(e, "role", "spinbutton");
    e.type = "text";
  });
  on(live, "pointerdown", e => {
    const held = e.target.closest("[data-input], [data-drag], [data-weight]");
    if (!held || e.button) return;
    const {input, drag, weight} = held.dataset, entry = input || drag || weight, from = read(entry);
    if (held !== document.activeElement) e.preventDefault();
    choose(entry);
    let moved = false;
    const move = now => {
      moved = moved || Math.abs(now.clientX - e.clientX) > 3;
      if (moved) set(entry, Math.round(100 * from + Math.round(now.clientX - e.clientX)) / 100);
    };
    const end = ({type}) => {
      ["pointermove", "pointerup", "pointercancel"].forEach((type, n) => held.removeEventListener(type, n ? end : move));
      live.classList.remove("dragging");
      draw();
      if (!moved && input && type === "pointerup" && held !== document.activeElement) {
        held.type = "number";  // before the focus, which opens the keyboard of a phone
        held.focus();
      }
    };
    held.setPointerCapture(e.pointerId);
    live.classList.add("dragging");
    on(held, "pointermove", move);
    on(held, "pointerup", end);
    on(held, "pointercancel", end);
  });
  inputs.forEach(e => on(e, "mousedown", down => { if (e !== document.activeElement) down.preventDefault(); }));

  // One weight: its paths to the loss, and the product along each.
  const sign = name => {
    const found = one("#live-signs").content.querySelector(`[data-sign="${CSS.escape(name)}"]`);
    const made = found.firstElementChild.cloneNode(true);
    all("[data-s]", made).forEach(e => { delete e.dataset.s; });
    return made;
  };
  const slope_sign = entry => {
    const make = (name, ...inside) => {
      const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", name);
      made.append(...inside);
      return made;
    };
    const part = name => make("mrow", make("mi", "∂"), ...sign(name).childNodes);
    return make("math", make("mfrac", part(known.error), part(entry)));
  };
  const paths = entry => (known.ways[entry] || []).flatMap(([edge, next]) => {
    const here = {edge, wrt: entry, of: next}, on_from = paths(next);
    return next.startsWith(known.error + ":") ? [[here]] : on_from.map(path => [here, ...path]);
  });
  const slope = ({edge, wrt, of}) => derived.slopes[edge](values, sizes, find(of)[1], find(wrt)[1]);
  const along = path => path.reduce((product, part) => product * slope(part), 1);
  const element = (name, ...inside) => {
    const made = document.createElement(name);
    made.append(...inside);
    return made;
  };
  const marked = (name, kind, ...inside) => Object.assign(element(name, ...inside), {className: kind});
  let chains = [];
  const choose = entry => {
    if (!is_learned(entry) || entry === chosen) return;
    chosen = entry;
    chains = paths(entry);
    const lit = new Set(chains.flatMap(path => path.map(({of}) => of)));
    all(".card").forEach(e => {
      e.classList.toggle("path", e.dataset.entries.split(" ").some(known_entry => lit.has(known_entry)));
    });
    const is_lit = id => { const card = one(`#unit-${id}`); return card && card.classList.contains("path"); };
    all(".line").forEach(e => {
      const mark = e.dataset.weight === chosen;
      e.classList.toggle("mark", mark);
      e.classList.toggle("path", !mark && e.dataset.ends.split(" ").every(is_lit));
    });
    all("[data-input]").forEach(e => e.closest("td,label").classList.toggle("chosen", e.dataset.input === chosen));
    one("#live-weight").value = chosen;
    if (values) draw();
  };
  on(one("#live-weight"), "change", e => choose(e.target.value));

  const MOST = 16;
  const explain = () => {
    const kinds = new Map();
    chains.forEach(path => {
      const key = path.map(({edge}) => edge).join(" ");
      kinds.set(key, [...(kinds.get(key) || []), path]);
    });
    const made = [...kinds.values()].map(list => {
      const factors = [...list[0].keys()].filter(n => !known.copies.includes(list[0][n].edge)).reverse();
      const last = factors.length - 1, table = element("table");
      const kind = n => n === last ? "own" : "shared";
      const head = element("tr", element("th", "path"), ...factors.map((n, at) => {
        return marked("td", kind(at), sign(list[0][n].edge));
      }), element("th", "product"));
      all("th", head).forEach(e => { e.scope = "col"; });
      const rows = list.slice(0, MOST).map(path => {
        // A layer's output says which unit a path passes; its sum does where the output reads other sums, too.
        const through = path.slice(0, -1).filter(({of}, n) => one(`[data-unit="${of}"]`)
          && (known.shown.includes(of.split(":")[0]) || (n && known.ways[of].length > 1)));
        const name = element("td", ...through.flatMap(({of}, n) => [n ? " → " : "", sign(of)]), through.length ? "" : "directly");
        const cells = factors.map((n, at) => marked("td", kind(at), shown(slope(path[n]))));
        return element("tr", name, ...cells, element("td", shown(along(path))));
      });
      if (list.length > MOST) rows.push(element("tr", element("td", `and ${list.length - MOST} more paths`)));
      table.append(element("thead", head), element("tbody", ...rows));
      return table;
    });
    const [name, places] = chosen.split(":"), gradient = read(`${known.gradients[name]}:${places}`);
    const add_up = cut => shown(chains.reduce((sum, path) => sum + along(path.slice(cut)), 0));
    const same = new Set(chains.map(path => path[0].of)), [joint] = same, end = element("p");
    if (same.size === 1 && chains[0].length > 1) {
      const factor = known.factors[joint.split(":")[0]];
      end.append(chains.length > 1 ? "The products of the red factors add up to " : "The product of the red factors is ", slope_sign(joint));
      if (factor) end.append(" = ", sign(joint.replace(/[^:]*/, factor)));
      end.append(" = ", marked("b", "shared", add_up(1)), ", a factor of the gradient of every weight into this unit. ");
    }
    end.append(chains.length > 1 ? `The sum over the ${chains.length} paths is ` : "The product of all factors is ", slope_sign(chosen), ` = ${add_up(0)}`);
    if (sizes.m > 1) end.append(` for this sample, and ${shown(gradient)} for all ${sizes.m} samples together`);
    end.append(".");
    one("#live-chain").replaceChildren(...made);
    one("#live-sum").replaceChildren(end);
    one("#live-chain").dispatchEvent(new CustomEvent("changed", {bubbles: true}));
  };

  // The backward pass: page.js lights the formulas of a step, this the numbers.
  const backward = new Set(known.backward);
  const range = one(".walk input"), stages = all(".walk ol > li");
  const light = () => {
    const at = +range.value, past = n => stages.slice(...n).flatMap(e => (e.dataset.symbols || "").split(" "));
    const now = new Set(at ? past([at, at + 1]) : []), was = new Set(at ? past([1, at]) : []);
    live.classList.toggle("walking", at > 0);
    all("[data-value]").forEach(e => {
      const name = e.dataset.value.split(":")[0], row = e.closest(".quantity") || e;
      row.classList.toggle("now", now.has(name));
      row.classList.toggle("was", was.has(name));
    });
    lines.forEach(e => e.classList.toggle("current", now.has(known.gradients[e.dataset.symbol])));
  };
  on(range, "input", light);
  all(".walk .controls button").forEach(e => on(e, "click", light));

  // The loss after each step.
  const curve = () => {
    const svg = one("#live-curve"), finite = errors.filter(Number.isFinite);
    const least = Math.min(...finite, 0), most = Math.max(...finite, least + 1e-300);
    const across = n => 40 + 136 * n / Math.max(1, errors.length - 1), up = e => 46 - 40 * (e - least) / (most - least);
    const points = errors.map((e, n) => [across(n), up(e)]).filter(([, y]) => Number.isFinite(y));
    svg.children[1].setAttribute("d", !points.length ? "" : "M" + points.map(p => p.map(x => x.toFixed(1)).join(" ")).join("L") + (points.length < 2 ? "h.01" : ""));
    svg.children[2].textContent = shown(most);
    svg.children[3].textContent = least ? shown(least) : "0";
    mark(svg, "aria-label", `The loss after each step, from ${shown(errors[0])} to ${shown(error())}`);
  };

  // The loss over two weights, with all others as they are, and the path of the descent on it.
  const canvas = one("#live-surface"), brush = canvas && canvas.getContext("2d"), BANDS = 14;
  const [across, up] = [one("#live-across"), one("#live-up")];
  let frame = null;
  const of = (point, entry) => {
    const [name, places] = find(entry);
    return places.reduce((part, place) => part[place], point[name]);
  };
  const window_of = entry => {
    const found = trail.map(point => of(point, entry)).filter(Number.isFinite);
    const low = Math.min(...found), high = Math.max(...found), half = Math.max(3, .7 * (high - low));
    return [(low + high) / 2 - half, (low + high) / 2 + half];
  };
  const inside = (entry, [low, high]) => trail.every(point => {
    const at = of(point, entry);
    return !Number.isFinite(at) || (at > low + .05 * (high - low) && at < high - .05 * (high - low));
  });
  const colours = () => ["--low", "--high"].map(name => {
    const [, ...parts] = getComputedStyle(live).getPropertyValue(name).match(/#(..)(..)(..)/);
    return parts.map(part => parseInt(part, 16));
  });
  const surface = () => {
    const [x, y] = [across.value, up.value], CELLS = running || live.matches(".dragging") ? 20 : 40;
    if (!frame || frame.x !== x || frame.y !== y || !inside(x, frame.wide) || !inside(y, frame.high))
      frame = {x, y, wide: window_of(x), high: window_of(y)};
    const scale = Math.max(1, Math.min(2, Math.round(devicePixelRatio))), width = 320 * scale, height = 240 * scale;
    if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
    const kept = [read(x), read(y)], grid = [];
    const place = ([low, high], part) => low + (high - low) * part;
    for (let row = 0; row <= CELLS; row++) {
      for (let column = 0; column <= CELLS; column++) {
        write(x, place(frame.wide, column / CELLS));
        write(y, place(frame.high, 1 - row / CELLS));
        derived.forward(values, sizes);
        grid.push(error());
      }
    }
    write(x, kept[0]);
    write(y, kept[1]);
    compute();
    const finite = grid.filter(Number.isFinite), low = Math.min(...finite), high = Math.max(...finite);
    const level = e => Math.sqrt(Math.max(0, e - low) / Math.max(high - low, 1e-300)) * BANDS;
    const levels = grid.map(level), [dark, pale] = colours(), image = brush.createImageData(width, height);
    for (let row = 0, at = 0; row < height; row++) {
      const v = row / height * CELLS, top = Math.floor(v), below = v - top;
      for (let column = 0; column < width; column++, at += 4) {
        const u = column / width * CELLS, left = Math.floor(u), beside = u - left, corner = top * (CELLS + 1) + left;
        const value = (levels[corner] * (1 - beside) + levels[corner + 1] * beside) * (1 - below)
          + (levels[corner + CELLS + 1] * (1 - beside) + levels[corner + CELLS + 2] * beside) * below;
        const band = Number.isFinite(value) ? Math.floor(Math.min(value, BANDS - .01)) / (BANDS - 1) : 1;
        for (let part = 0; part < 3; part++) image.data[at + part] = dark[part] + (pale[part] - dark[part]) * band;
        image.data[at + 3] = 255;
      }
    }
    brush.putImageData(image, 0, 0);
    const style = getComputedStyle(live), ink = style.getPropertyValue("--ink"), paper = style.getPropertyValue("--paper");
    const at = point => [
      (of(point, x) - frame.wide[0]) / (frame.wide[1] - frame.wide[0]) * width,
      (1 - (of(point, y) - frame.high[0]) / (frame.high[1] - frame.high[0])) * height,
    ];
    const line = (colour, wide) => {
      brush.beginPath();
      trail.forEach(point => brush.lineTo(...at(point)));
      Object.assign(brush, {strokeStyle: colour, lineWidth: wide * scale, lineJoin: "round"});
      brush.stroke();
    };
    line(paper, 4);
    line(ink, 1.6);
    brush.beginPath();
    brush.arc(...at(learned()), 4.5 * scale, 0, 7);
    Object.assign(brush, {fillStyle: ink, strokeStyle: paper, lineWidth: 2 * scale});
    brush.fill();
    brush.stroke();
    const ends = list => list.map(e => shown(e)).join(" to "), names = over();
    one("#live-legend").textContent = `${names[0]} from ${ends(frame.wide)} across, ${names[1]} from ${ends(frame.high)} up; the loss is ${ends([low, high])}, bluer where it is smaller. ${here()} All other numbers are as above; the line is the path of the descent. Click, or use the arrow keys, to move the point.`;
  };
  const over = () => [across, up].map(e => e.selectedOptions[0].textContent);
  const here = () => {
    const [first, second] = over();
    return `The point is at ${first} = ${shown(read(across.value))}, ${second} = ${shown(read(up.value))}, with loss ${shown(error())}.`;
  };
  const again = () => later(surface);
  if (canvas) [[across, "change"], [up, "change"], [document.querySelector("#theme"), "click"],
    [matchMedia("(prefers-color-scheme: dark)"), "change"]].forEach(([e, type]) => on(e, type, again));
  if (canvas) on(canvas, "keydown", e => {
    const [right, above] = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[e.key] || [];
    if (right === undefined) return;
    e.preventDefault();
    const move = (entry, [low, high], way) => way && set(entry, Math.round(1000 * (read(entry) + way * (high - low) / 60)) / 1000);
    move(frame.x, frame.wide, right);
    move(frame.y, frame.high, above);
    say(here());
  });
  if (canvas) on(canvas, "pointerdown", e => {
    const move = now => {
      const box = canvas.getBoundingClientRect(), part = (x, most) => Math.min(1, Math.max(0, x / most));
      const [wide, high] = [frame.wide, frame.high].map(([low, end]) => p => Math.round(1000 * (low + (end - low) * p)) / 1000);
      write(frame.x, wide(part(now.clientX - box.left, box.width)));
      set(frame.y, high(1 - part(now.clientY - box.top, box.height)));
    };
    canvas.setPointerCapture(e.pointerId);
    on(canvas, "pointermove", move);
    on(canvas, "pointerup", () => canvas.removeEventListener("pointermove", move));
    move(e);
  });

  // The cards stand in columns, or in rows where the window is narrow; lines lead from rim to rim.
  const svg = one("#live-drawing"), wide = +svg.dataset.width, stage = svg.parentElement;
  const constants = all(".constant"), captions = all(".caption"), ROW = 16;
  all(".card > .node, .behind").forEach(e => e.setAttribute("width", e.matches(".behind") ? wide - 3 : wide));
  all(".value", svg).forEach(e => e.setAttribute("x", wide - 4));
  const count = captions.length, words_of = captions.map(e => [...e.children].map(line => line.textContent));
  const column = n => cards.filter(e => +e.dataset.column === n);
  const tall = e => ROW * e.dataset.rows + 6;
  const layout = () => {
    const room = stage.clientWidth - 4, places = new Map(), BETWEEN = 10;
    const most = Math.max(...captions.map((_, n) => column(n).length));
    const scale = Math.min(1.5, room / (count * wide + (count - 1) * 62 + 12));
    const down = scale < 1;
    const rim = down ? 2 : 6, words = Math.max(...captions.map(e => e.children.length));
    let width, height, shrink;
    if (!down) {
      const gap = Math.min(130, (room / scale - 12 - count * wide) / (count - 1));
      const heights = captions.map((_, n) => column(n).reduce((sum, e) => sum + tall(e) + BETWEEN, -BETWEEN));
      const top = 26, middle = top + Math.max(...heights) / 2;
      captions.forEach((caption, n) => {
        const x = n * (wide + gap) + wide / 2;
        let y = middle - heights[n] / 2;
        column(n).forEach(e => { places.set(e.id, [x, y + tall(e) / 2, tall(e)]); y += tall(e) + BETWEEN; });
        constants.filter(e => +e.dataset.column === n).forEach(e => places.set(e.id, [x + wide / 2 - 9, middle - heights[n] / 2 - 16, 18]));
        [...caption.children].forEach((line, at) => {
          line.textContent = words_of[n][at];
          Object.entries({x, y: middle + Math.max(...heights) / 2 + 18 + 14 * at}).forEach(([name, to]) => line.setAttribute(name, to));
        });
      });
      [width, height, shrink] = [count * wide + (count - 1) * gap, middle + Math.max(...heights) / 2 + 10 + 14 * words, 1 / scale];
    } else {
      const room_for = most * (wide + 2) + 19, fits = Math.max(1, Math.min(1.3, room / room_for));
      width = Math.max(room / fits, room_for);
      let y = 0;
      captions.forEach((caption, n) => {
        const row = column(n), full = row.length * (wide + 2) - 2, one_here = constants.some(e => +e.dataset.column === n);
        const left = (width - full + (one_here ? 21 : 0)) / 2;
        [...caption.children].forEach((line, at) => {
          line.textContent = ["", ", ", " "][Math.min(at, 2)] + words_of[n][at];
          if (at) ["x", "y"].forEach(name => line.removeAttribute(name));
          else Object.entries({x: width / 2, y: y + 10}).forEach(([name, to]) => line.setAttribute(name, to));
        });
        y += 18;
        row.forEach((e, m) => places.set(e.id, [left + m * (wide + 2) + wide / 2, y + tall(e) / 2, tall(e)]));
        constants.filter(e => +e.dataset.column === n).forEach(e => places.set(e.id, [left - 11, y + tall(row[0]) - 9, 18]));
        y += tall(row[0]) + (n < count - 1 ? 52 : 4);
      });
      [height, shrink] = [y, 1 / fits];
    }
    svg.setAttribute("viewBox", `${-rim} -2 ${(width + 2 * rim).toFixed(1)} ${(height + 4).toFixed(1)}`);
    svg.style.width = `${(width + 2 * rim) / shrink}px`;
    svg.classList.toggle("down", down);
    cards.forEach(e => { const [x, y, h] = places.get(e.id); e.setAttribute("transform", `translate(${(x - wide / 2).toFixed(1)} ${(y - h / 2).toFixed(1)})`); });
    constants.forEach(e => { const [x, y] = places.get(e.id); e.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`); });
    all("[data-ends]").forEach(e => {
      const [[x0, y0, h0], [x1, y1, h1]] = e.dataset.ends.split(" ").map(id => places.get(`unit-${id}`));
      const half = e.dataset.ends.includes("one") ? 9 : wide / 2;
      const [a, b] = down ? [[x0, y0 + h0 / 2], [x1, y1 - h1 / 2]] : [[x0 + half, y0], [x1 - wide / 2, y1]];
      const bend = down ? (b[1] - a[1]) * .45 : (b[0] - a[0]) * .35;
      const [c, d] = down ? [[a[0], a[1] + bend], [b[0], b[1] - bend]] : [[a[0] + bend, a[1]], [b[0] - bend, b[1]]];
      e.setAttribute("d", `M${a.map(n => n.toFixed(1))}C${[c, d, b].map(p => p.map(n => n.toFixed(1))).join(" ")}`);
    });
  };

  // The derivation below: what is pointed at or chosen there has its value beside it.
  const tip = document.createElement("div");
  tip.id = "live-tip";
  tip.hidden = true;
  document.body.append(tip);
  const listed = (part, depth) => depth
    ? part.filter(e => e !== null).map(e => listed(e, depth - 1)).join(depth > 1 ? "; " : ", ") : shown(part);
  on(document, "lit", ({detail}) => {
    tip.hidden = true;
    if (!detail || !(detail.symbol in values) || detail.element.closest("#live")) return;
    const {symbol, entry, element: place} = detail, units = (known.axes[symbol] || "").replaceAll("s", "").length;
    const is_entry = entry.split(",").filter(part => /^\d+$/.test(part)).length === units;
    let text;
    if (is_entry) text = shown(read(`${symbol}:${entry}`));
    else {
      text = listed(one_sample(symbol), units);
    }
    if (text.length > 160) return;
    const box = place.getBoundingClientRect();
    tip.textContent = text;
    tip.hidden = false;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${box.bottom + 6}px`;
  });
  const one_sample = name => {
    const cut = (part, axes) => !axes ? part : axes[0] === "s" ? cut(part[sample], axes.slice(1))
      : part.map(e => e === null ? null : cut(e, axes.slice(1)));
    return cut(values[name], known.axes[name] || "");
  };
  on(document, "scroll", () => { tip.hidden = true; });

  // Begin.
  live.hidden = false;
  one(".walk").hidden = false;
  document.documentElement.classList.add("has-live");
  document.querySelector("nav [href='#live']").parentElement.hidden = false;
  const weights = all("#live-weight option").map(e => e.value);
  choose(weights[0]);
  reset();
  const steep = entry => Math.abs(read(entry.replace(/[^:]*/, name => known.gradients[name])));
  const [first, second] = [...weights].sort((a, b) => steep(b) - steep(a));
  if (canvas) [across.value, up.value] = [first, second];
  new ResizeObserver(layout).observe(stage);
  layout();
})();
