import { Fragment, type ReactNode } from "react";

const KEYWORDS =
  "all and as asc between by case cast cross desc describe distinct else end except exists false from full group having in inner intersect interval is join lateral left like limit not null offset on or order over partition qualify right select summarize then true union using values when where window with";

const TOKENS = new RegExp(
  [
    "(?<comment>--[^\\n]*|/\\*[\\s\\S]*?(?:\\*/|$))",
    "(?<string>'(?:[^']|'')*'?)",
    "(?<number>\\b\\d+(?:\\.\\d+)?\\b)",
    `(?<keyword>\\b(?:${KEYWORDS.replaceAll(" ", "|")})\\b)`,
    "(?<function>\\b\\w+(?=\\())",
  ].join("|"),
  "gi",
);

/** SQL with its parts marked by class: `sql-keyword`, `sql-string`, .. */
export function highlightSql(sql: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const match of sql.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(match.groups ?? {}).find(([, found]) => found) ?? [];
    parts.push(<Fragment key={`before-${match.index}`}>{sql.slice(end, match.index)}</Fragment>);
    parts.push(
      <span key={match.index} className={`sql-${kind}`}>
        {text}
      </span>,
    );
    end = match.index + match[0].length;
  }
  parts.push(<Fragment key="rest">{sql.slice(end)}</Fragment>);
  return parts;
}
