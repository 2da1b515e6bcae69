// The drawing of the room: four panels over one time, pressures as bars, limits dashed. It draws what it is given.
// What is expected of a population is pale, behind the rest or in a panel of its own, and can be switched off.

const PANELS = [
  { code: "systolic", label: "BP", low: 50, high: 205, share: 0.44 },
  { code: "heart_rate", label: "HR", low: 40, high: 140, share: 0.18 },
  { code: "spo2", label: "SpO₂", low: 86, high: 100, share: 0.18 },
  { code: "etco2", label: "CO₂", low: 20, high: 60, share: 0.16 },
  { code: "respiratory_rate", label: "RR", low: 4, high: 28, share: 0.2 },
  { code: "level", label: "", low: 0, high: 50, share: 0.12 },
];
const SHOWN_AS_EXPECTED = 0.13; // how strong a band of the expected is drawn: as `.c-exp`
const LETTERS = { dose: "I", given: "R", note: "N" };
const GAP_S = 90; // longer than this without a value, and the line is broken
const SPAN_S = 120 * 60;
const STACKED_PX = 900; // no wider than this, everything stands under one another and the page scrolls anyway
const AROUND_PX = 452; // what stands above and below the drawing, so that the keys stay in sight

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** [times, values] of one quantity, a hole wherever nothing was heard for a while. */
function line(points) {
  const times = [];
  const values = [];
  let last = null;
  for (const [time, value] of points) {
    if (last !== null && time - last > GAP_S) {
      times.push(last + 1);
      values.push(null);
    }
    times.push(time);
    values.push(value);
    last = time;
  }
  return [times, values];
}

/** Systolic with the diastolic of the same moment. */
function pressures(series) {
  const diastolic = new Map(series.diastolic ?? []);
  const whole = (series.systolic ?? []).filter(([time]) => diastolic.has(time));
  return [whole.map(([time]) => time), whole.map(([, value]) => value), whole.map(([time]) => diastolic.get(time))];
}

function range(panel, values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return [Math.min(panel.low, ...known.map((value) => value - 4)), Math.max(panel.high, ...known.map((value) => value + 6))];
}

function dashed(context, x0, x1, y, dash, width, colour) {
  context.save();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(x0, y);
  context.lineTo(x1, y);
  context.stroke();
  context.restore();
}

/** What a population would show: a band where one was published, and a thin line. Points: [time, typical, low, high]. */
function expectation(plot, points, dot) {
  const { ctx } = plot;
  const place = ([time], value) => [plot.valToPos(time, "x", true), plot.valToPos(value, "y", true)];
  const banded = points.filter((point) => point[2] !== null);
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = ink("--ink");
  ctx.globalAlpha = SHOWN_AS_EXPECTED;
  ctx.beginPath();
  for (const point of banded) ctx.lineTo(...place(point, point[3]));
  for (const point of [...banded].reverse()) ctx.lineTo(...place(point, point[2]));
  ctx.fill();
  ctx.globalAlpha = 0.5;
  ctx.lineWidth = 1.5 * dot;
  ctx.beginPath();
  for (const point of points) ctx.lineTo(...place(point, point[1]));
  ctx.stroke();
  ctx.restore();
}

/** Says in the drawing itself what the pale part is. */
function saidExpected(plot, words, y, dot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = ink("--ink-3");
  ctx.font = `${15 * dot}px ${ink("--sans")}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.fillText(words, bbox.left + bbox.width - 4 * dot, y);
  ctx.restore();
}

function expected(plot, state, panel, dot) {
  const { level, pressure } = state.data.expected ?? {};
  if (!state.isExpected) return;
  if (panel.code === "systolic" && pressure) {
    for (const points of pressure) expectation(plot, points, dot);
    const last = pressure[0].at(-1);
    saidExpected(plot, "expected course", plot.valToPos(Math.max(last[1], pressure[0][1][1]), "y", true) - 2 * dot, dot);
  }
  if (panel.code === "level" && level) {
    expectation(plot, level.points, dot);
    saidExpected(plot, plot.bbox.width < 420 * dot ? level.unit : `expected ketamine, ${level.unit}`, plot.bbox.top + 17 * dot, dot);
  }
}

/** Behind the lines: what is expected, the time the infusion ran, limits, when something is due. */
function ground(state, panel) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const dot = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.globalAlpha = 0.07;
    ctx.fillStyle = ink("--ink");
    for (const [from, to] of state.data.infused) {
      const x = plot.valToPos(from, "x", true);
      ctx.fillRect(x, bbox.top, plot.valToPos(to, "x", true) - x, bbox.height);
    }
    ctx.globalAlpha = 1;
    expected(plot, state, panel, dot);
    for (const [value, kind] of state.data.limits[panel.code] ?? []) {
      const y = plot.valToPos(value, "y", true);
      const strong = kind === "alarm";
      dashed(ctx, bbox.left, bbox.left + bbox.width, y, strong ? [10 * dot, 6 * dot] : [3 * dot, 6 * dot], (strong ? 2 : 1.5) * dot, ink(strong ? "--ink-2" : "--ink-3"));
    }
    if (state.data.due && panel.code === "systolic") {
      const x = plot.valToPos(state.data.due, "x", true);
      ctx.strokeStyle = ink("--ink-3");
      ctx.lineWidth = 2 * dot;
      ctx.setLineDash([2 * dot, 6 * dot]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };
}

/** In front: pressure bars, the line of now, what was given or written. */
function front(state, panel) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const dot = devicePixelRatio;
    ctx.save();
    if (panel.code === "systolic") bars(plot, dot);
    const now = plot.valToPos(state.data.ended ?? Date.now() / 1000, "x", true);
    if (now >= bbox.left && now <= bbox.left + bbox.width) {
      ctx.strokeStyle = ink("--ink-2");
      ctx.lineWidth = 1.5 * dot;
      ctx.beginPath();
      ctx.moveTo(now, bbox.top);
      ctx.lineTo(now, bbox.top + bbox.height);
      ctx.stroke();
    }
    if (panel.code === "respiratory_rate") marks(plot, state, dot);
    ctx.fillStyle = ink("--ink");
    ctx.font = `600 ${18 * dot}px ${ink("--sans")}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.fillText(panel.label, 2 * dot, bbox.top - 4 * dot);
    ctx.restore();
  };
}

function bars(plot, dot) {
  const [times, systolic, diastolic] = plot.data;
  const { ctx } = plot;
  ctx.strokeStyle = ctx.fillStyle = ink("--ink");
  ctx.lineWidth = 3 * dot;
  times.forEach((time, index) => {
    const x = plot.valToPos(time, "x", true);
    const top = plot.valToPos(systolic[index], "y", true);
    const bottom = plot.valToPos(diastolic[index], "y", true);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
    for (const [y, down] of [[top, 1], [bottom, -1]]) {
      ctx.beginPath();
      ctx.moveTo(x - 7 * dot, y);
      ctx.lineTo(x + 7 * dot, y);
      ctx.lineTo(x, y + down * 8 * dot);
      ctx.fill();
    }
  });
}

function marks(plot, state, dot) {
  const { ctx, bbox } = plot;
  const size = 24 * dot;
  ctx.font = `600 ${15 * dot}px ${ink("--sans")}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  let lastX = -Infinity;
  for (const [time, kind] of state.data.marks) {
    const x = plot.valToPos(time, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width || x - lastX < size) continue;
    lastX = x;
    const y = bbox.top + bbox.height - size - 2 * dot;
    ctx.fillStyle = ink("--raised");
    ctx.strokeStyle = ink("--line-strong");
    ctx.lineWidth = 1.5 * dot;
    ctx.beginPath();
    ctx.roundRect(x - size / 2, y, size, size, 6 * dot);
    ctx.fill();
    ctx.stroke();
    ctx.fillStyle = ink("--ink");
    ctx.fillText(LETTERS[kind] ?? "•", x, y + size / 2 + dot);
  }
}

/** The figures beside a panel: its limits; of the expected, which has none, nought and a round number. */
function figures(state, panel) {
  if (panel.code !== "level") return limitsOf(state, panel);
  const top = levelTop(state) * 0.9;
  return [0, [500, 200, 100, 50, 20, 10, 5].find((step) => step <= top) ?? 1].reverse();
}

function levelTop(state) {
  const points = state.data.expected?.level?.points ?? [];
  return 1.15 * Math.max(1, ...points.map(([, typical, , high]) => high ?? typical));
}

function limitsOf(state, panel) {
  return [...new Set((state.data.limits[panel.code] ?? []).map(([value]) => value))].sort((a, b) => b - a);
}

/** Values as figures; one that would lie on another, or on the panel's name, is left out. */
function readable(plot, splits, panel) {
  let lastY = panel.label ? 4 : -17;
  return splits.map((value) => {
    const y = plot.valToPos(value, "y");
    if (y - lastY < 16) return "";
    lastY = y;
    return String(value);
  });
}

/** The stretch of time shown: a little before the dose, two hours after it, and always now. */
function stretch(data) {
  const now = data.ended ?? Date.now() / 1000;
  const origin = data.started ?? data.arrived ?? now;
  const first = Math.min(origin - 600, ...Object.values(data.series).map((points) => points[0]?.[0] ?? Infinity));
  const from = Math.max(first, origin - 2400);
  return [from, Math.max(origin + (data.started ? SPAN_S : 1800), now + 300)];
}

function options(state, panel, width, height) {
  const isLast = () => panel === state.shown.at(-1);
  const whole = state.shown.reduce((sum, each) => sum + each.share, 0);
  const axis = { stroke: () => ink("--ink-3"), font: `16px ${ink("--sans")}`, grid: { stroke: () => ink("--line"), width: 1 }, ticks: { show: false } };
  const origin = () => state.data.started ?? state.data.arrived ?? 0;
  return {
    width,
    height: Math.round((height * panel.share) / whole) + (isLast() ? 26 : 0),
    legend: { show: false },
    cursor: { show: false },
    select: { show: false },
    padding: [6, 26, () => (isLast() ? 0 : 2), 0],
    scales: {
      x: { time: false, range: () => stretch(state.data) },
      y: { range: (plot) => (panel.code === "level" ? [0, levelTop(state)] : range(panel, plot.data.slice(1).flat())) },
    },
    axes: [
      {
        ...axis,
        size: () => (isLast() ? 30 : 2),
        splits: (plot) => {
          const step = (plot.width < 600 ? 40 : 20) * 60;
          const found = [];
          for (let at = origin() + Math.ceil((plot.scales.x.min - origin()) / step) * step; at <= plot.scales.x.max; at += step) found.push(at);
          return found;
        },
        values: (_, splits) => (isLast() ? splits.map((at) => `${Math.round((at - origin()) / 60)}${at === origin() ? " min" : ""}`) : splits.map(() => "")),
      },
      { ...axis, size: 62, space: 40, grid: { show: false }, splits: () => figures(state, panel), values: (plot, splits) => readable(plot, splits, panel) },
    ],
    series: panel.code === "systolic"
      ? [{}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }]
      : [{}, { stroke: () => ink("--ink"), width: 2.4, points: { show: (plot) => plot.data[1].filter((value) => value !== null).length < 30, size: 7, fill: () => ink("--ink") } }],
    hooks: { drawAxes: [ground(state, panel)], draw: [front(state, panel)] },
  };
}

/** Draws into `host`. Returns {set, add, redraw, expect}: all of it anew, single values, the line of now, the expected. */
export function chart(host, data, isExpected = true) {
  const state = { data, isExpected, shown: [] };
  const below = () => (innerWidth > STACKED_PX ? host.parentElement.querySelector(".population")?.offsetHeight ?? 0 : 0);
  const height = () => Math.max(320, Math.min(560, innerHeight - AROUND_PX - below()));
  const values = (panel) => (panel.code === "systolic" ? pressures(state.data.series) : panel.code === "level" ? [[], []] : line(state.data.series[panel.code] ?? []));
  choose();
  const plots = PANELS.map((panel) => new uPlot(options(state, panel, host.clientWidth, height()), values(panel), host));

  /** Which panels there are: carbon dioxide where any was measured, the expected where there is some and it is wanted. */
  function choose() {
    const isThere = { etco2: Boolean(state.data.series.etco2?.length), level: state.isExpected && Boolean(state.data.expected?.level) };
    state.shown = PANELS.filter((panel) => isThere[panel.code] ?? true);
  }

  function lay() {
    choose();
    plots.forEach((plot, index) => {
      plot.root.hidden = !state.shown.includes(PANELS[index]);
      plot.setSize({ width: host.clientWidth, height: options(state, PANELS[index], 0, height()).height });
    });
  }

  function redraw() {
    plots.forEach((plot, index) => plot.setData(values(PANELS[index])));
    const { series } = state.data;
    const said = (code, name) => { const last = series[code]?.at(-1); return last ? `${name} ${last[1]}` : ""; };
    const pale = state.isExpected && Object.keys(state.data.expected ?? {}).length ? "Pale behind them: what a population would show, not this patient." : "";
    host.setAttribute("aria-label", ["Vital signs as lines over time; the values stand in the table below.", said("systolic", "Systolic"), said("diastolic", "diastolic"), said("heart_rate", "heart rate"), said("spo2", "oxygen"), said("etco2", "carbon dioxide"), said("respiratory_rate", "breaths"), pale].filter(Boolean).join(" "));
  }

  host.setAttribute("role", "img");
  lay();
  redraw();
  new ResizeObserver(lay).observe(host);
  return {
    redraw,
    set(fresh) { state.data = fresh; lay(); redraw(); },
    expect(isWanted) { state.isExpected = isWanted; lay(); redraw(); },
    add(samples) {
      for (const { code, value, observed_at: at } of samples) {
        const points = (state.data.series[code] ??= []);
        points.push([Date.parse(at) / 1000, value]);
        points.sort((a, b) => a[0] - b[0]);
      }
      if (!state.shown.some((panel) => panel.code === "etco2") && state.data.series.etco2?.length) lay();
      redraw();
    },
  };
}
