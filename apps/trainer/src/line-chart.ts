/** A line of a chart. */
export interface Series {
  name: string;
  colour: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** One panel of a chart, with its own vertical axis. */
export interface Panel {
  title: string;
  series: readonly Series[];
  /** A vertical line with a label, such as the step of sudden convergence. */
  marker?: { x: number; label: string };
}

const width = 760;
const panelHeight = 240;
const margin = { left: 64, right: 20, top: 34, bottom: 34 };

const format = (value: number): string => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100_000)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
};

/** Round values between low and high: about five of them. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw)!;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) => first + i * step);
}

/** The least of any number of values: a call takes only so many. */
const lowest = (values: readonly number[], from: number): number =>
  values.reduce((least, value) => Math.min(least, value), from);

/** An SVG of panels below each other that share the horizontal axis. */
export function lineChart(panels: readonly Panel[], xLabel: string): string {
  const xs = panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([x]) => x)));
  const [x0, x1] = [
    lowest(xs, 0),
    -lowest(
      xs.map((x) => -x),
      -1,
    ),
  ];
  const x = (value: number) =>
    margin.left + ((value - x0) / (x1 - x0)) * (width - margin.left - margin.right);
  const drawn = panels.map((panel, i) => drawPanel(panel, i * panelHeight, x, ticks(x0, x1)));
  const height = panels.length * panelHeight + 24;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">` +
    `<title>${panels.map(({ title }) => title).join(", ")}</title>` +
    `<rect width="100%" height="100%" fill="white"/>${drawn.join("")}` +
    `<text x="${width / 2}" y="${height - 8}" text-anchor="middle" fill="#444">${xLabel}</text></svg>\n`
  );
}

function drawPanel(
  { title, series, marker }: Panel,
  top: number,
  x: (value: number) => number,
  xTicks: number[],
): string {
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y)).filter(Number.isFinite);
  const low = lowest(ys, ys.length ? Number.POSITIVE_INFINITY : 0);
  const high = -lowest(
    ys.map((y) => -y),
    -low - 1e-9,
  );
  const bottom = top + panelHeight - margin.bottom;
  const y = (value: number) =>
    bottom - ((value - low) / (high - low || 1)) * (panelHeight - margin.top - margin.bottom);
  const out: string[] = [
    `<text x="${margin.left}" y="${top + 18}" font-weight="bold" fill="#222">${title}</text>`,
  ];
  for (const tick of ticks(low, high))
    out.push(
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#e5e5e5"/>`,
      `<text x="${margin.left - 6}" y="${y(tick) + 4}" text-anchor="end" fill="#666">${format(tick)}</text>`,
    );
  for (const tick of xTicks)
    out.push(
      `<text x="${x(tick)}" y="${bottom + 16}" text-anchor="middle" fill="#666">${format(tick)}</text>`,
    );
  series.forEach(({ name, colour, points }, i) => {
    const path = points
      .filter(([, value]) => Number.isFinite(value))
      .map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`)
      .join(" ");
    out.push(
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>`,
      `<text x="${width - margin.right - 150 * (series.length - 1 - i)}" y="${top + 18}" text-anchor="end" fill="${colour}">${name}</text>`,
    );
  });
  if (marker)
    out.push(
      `<line x1="${x(marker.x)}" x2="${x(marker.x)}" y1="${top + margin.top}" y2="${bottom}" stroke="#888" stroke-dasharray="4 3"/>`,
      `<text x="${x(marker.x) + 4}" y="${top + margin.top + 12}" fill="#666">${marker.label}</text>`,
    );
  return out.join("");
}
