// What the module of browsers says of formats and numbers, by JavaScript's own engine, against what the tools say
// of the same events, as edge and lake do: by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compile, Validator } from "forebay/tools";
import { checked } from "../../npm/src/module/core.ts";
import { setRules } from "../../npm/src/module/validator.ts";
import { core } from "../support/module.ts";
import { FORMATS, random } from "./support/events.ts";

const SEED = 20261121;
const COUNT = 5_000;
/** What texts of formats hold, and what has a meaning to patterns. */
const CHARACTERS = [...'01239aAfgZzT@.-+_:;/?#[]%&=|^$\\"< \n\ufeffé語'];

const next = random(SEED);
const below = (end: number) => Math.floor(next() * end);
const one = <T>(of: readonly T[]) => of[below(of.length)];

/** A text with up to three characters replaced, put in or taken out. */
function damaged(text: string): string {
  const characters = [...text];
  for (let changes = below(4); changes > 0; changes--) {
    const put = below(3) ? [one(CHARACTERS)] : [];
    characters.splice(below(characters.length + 1), below(2), ...put);
  }
  return characters.join("");
}

/** Holds both against each other for one field of an event. */
function compare(field: object, values: (string | number)[], areBoth = true): void {
  const properties = { f: field };
  const schema = JSON.stringify({ $defs: { E: { type: "object", properties } } });
  const tools = new Validator(schema);
  assert.ok(setRules(core, compile(schema)));
  let valid = 0;
  for (const value of values) {
    const isNumber = typeof value === "number";
    const event = isNumber
      ? { name: "E", metrics: { f: value } }
      : { name: "E", attributes: { f: value } };
    const verdict = tools.check(JSON.stringify(event));
    assert.ok(!("malformed" in verdict), JSON.stringify(verdict));
    const isValid = checked(core, event) !== undefined;
    assert.equal(isValid, "ok" in verdict, `${JSON.stringify(field)} ${JSON.stringify(value)}`);
    valid += Number(isValid);
  }
  if (!areBoth) return;
  // Neither is a rarity, or the agreement would say little.
  assert.ok(valid > values.length / 20 && valid < (values.length * 19) / 20, `${valid} are valid`);
}

for (const [format, texts] of Object.entries(FORMATS)) {
  test(`texts that are of the format ${format}, or nearly`, () => {
    const values = Array.from({ length: COUNT }, () => damaged(one(texts.flat())));
    compare({ type: "string", format }, values);
  });
}

test("texts of any length are judged in a time that grows with it", () => {
  // In one that grew with its square each of them would take minutes.
  for (const [format, [[start]]] of Object.entries(FORMATS)) {
    for (const begun of [start, "", "0001-01-01T", "9999-12-31T", "a@", "a:", "a://"]) {
      const values = [..."0a.-+%@:/"].map((character) => begun + character.repeat(1_000_000));
      compare({ type: "string", format }, values, false);
    }
  }
});

for (const range of [
  { type: "integer" },
  { type: "integer", minimum: -7, exclusiveMaximum: 9007199254740992 },
  { type: "number", exclusiveMinimum: 0.1, maximum: 1e21 },
  { enum: [-1, 0, 0.1, 1e21, 5e-324, 9007199254740992] },
]) {
  test(`numbers of ${JSON.stringify(range)}, or nearly`, () => {
    const edges = [-7, -1, 0, 0.1, 1, 1e21, 5e-324, 2 ** 53, 2 ** 63, -(2 ** 63)];
    const near = (number: number) => {
      const bits = new BigInt64Array(Float64Array.of(number).buffer);
      bits[0] += BigInt(below(5) - 2);
      return new Float64Array(bits.buffer)[0];
    };
    const values = Array.from({ length: COUNT }, () =>
      below(2) ? one(edges) : near(one(edges) + below(3)),
    );
    compare(range, values.filter(Number.isFinite));
  });
}
