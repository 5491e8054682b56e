// Bars as SVG: groups of them under one title, each with its number. It reads on a light and on a dark page.

/** Numbers of one kind, less being better unless `more` is. */
export interface Chart {
  title: string;
  /** Behind each number. */
  unit: string;
  better: "less" | "more";
  groups: Group[];
}

export interface Group {
  label: string;
  bars: Bar[];
}

export interface Bar {
  name: string;
  value: number;
  /** The spread, as a line over the bar. */
  least?: number;
  most?: number;
}

const WIDTH = 760;
/** Where bars begin, and how long the longest of a group is. */
const [LEFT, LONGEST] = [190, 430];
const [BAR, GAP, LABEL, TITLE] = [16, 5, 24, 34];
/** What is measured is told apart from what stands beside it by colour; names say it too. */
const OWN = "forebay";

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .label { font-weight: 600; }
  .number { font-variant-numeric: tabular-nums; }
  .own { fill: #0969da; }
  .peer { fill: #8c959f; }
  .spread { stroke: #24292f; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .own { fill: #4493f8; }
    .peer { fill: #7d8590; }
    .spread { stroke: #e6edf3; }
  }`;

/** A picture of the charts, one below the other, which says in words what it shows. */
export function svg(charts: Chart[]): string {
  const parts: string[] = [];
  let y = 8;
  for (const { title, unit, better, groups } of charts) {
    parts.push(text(0, y + 16, `${title}, ${unit}; ${better} is better`, "title"));
    y += TITLE;
    for (const { label, bars } of groups) {
      if (label) {
        parts.push(text(0, y + 13, label, "label"));
        y += LABEL;
      }
      // Where all are zero there is nothing to scale.
      const scale = LONGEST / (Math.max(...bars.map(({ value, most }) => most ?? value)) || 1);
      for (const bar of bars) {
        parts.push(drawn(bar, scale, y));
        y += BAR + GAP;
      }
      y += GAP;
    }
    y += GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(charts.map(({ title }) => title).join("; "))}</title>
<desc id="desc">${escaped(charts.map(said).join(" "))}</desc>
<style>${STYLE}
</style>
${parts.join("\n")}
</svg>
`;
}

function drawn({ name, value, least, most }: Bar, scale: number, y: number): string {
  const length = (value: number) => Math.max(1, Math.round(value * scale));
  const kind = name.startsWith(OWN) ? "own" : "peer";
  const middle = y + BAR / 2;
  const isSpread = least !== undefined && most !== undefined && least < most;
  const line = isSpread
    ? `<line class="spread" x1="${LEFT + length(least)}" x2="${LEFT + length(most)}" y1="${middle}" y2="${middle}"/>`
    : "";
  const end = LEFT + Math.max(length(value), isSpread ? length(most) : 0);
  return [
    text(LEFT - 10, y + 13, name, "", "end"),
    `<rect class="${kind}" x="${LEFT}" y="${y}" width="${length(value)}" height="${BAR}" rx="2"/>${line}`,
    text(end + 8, y + 13, shown(value), "number"),
  ].join("\n");
}

function text(x: number, y: number, words: string, kind: string, anchor = "start"): string {
  const classed = kind ? ` class="${kind}"` : "";
  return `<text x="${x}" y="${y}"${classed} text-anchor="${anchor}">${escaped(words)}</text>`;
}

/** What a chart shows, in a sentence or more. */
function said({ title, unit, groups }: Chart): string {
  const sentences = groups.map(({ label, bars }) => {
    const numbers = bars.map(({ name, value }) => `${name} ${shown(value)}`).join(", ");
    return `${label ? `${label}: ` : ""}${numbers}.`;
  });
  return `${title}, ${unit}. ${sentences.join(" ")}`;
}

/** With three digits that say something, and thousands set apart. */
export function shown(value: number): string {
  if (Number.isNaN(value)) return "-";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
