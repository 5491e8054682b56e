// The packed package in a new folder, as an app installs it: what compiles with generated code, and
// what the compiler says of each kind of mistake.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../support/stack.ts";

const run = promisify(execFile);

const IMPORTS = `import { configure, record } from "forebay";
import { schema, signInEvent, signUpEvent } from "../forebay.gen.js";
`;

/** Ten lines of an app. */
const APP = `${IMPORTS}
configure({
  endpoint: "https://events.example.com",
  region: "us-east-1",
  appId: "app",
  identityPoolId: "us-east-1:pool",
  schema,
});
record(signUpEvent({ email: "ada@example.com", plan: "pro" }));
record(signInEvent({ email: "ada@example.com", method: "password", attempts: 2 }));
record({ name: "SignUpEvent", attributes: { email: "ada@example.com" }, metrics: { age: 36 } });
`;

/** A line that must not compile, and what the compiler has to say about it. */
const MISTAKES: Record<string, { line: string; says: RegExp[] }> = {
  unknown_field: {
    line: `signUpEvent({ email: "a@b.c", plan: "pro", colour: "red" });`,
    says: [/'colour' does not exist in type/],
  },
  misspelt_field: {
    line: `signUpEvent({ email: "a@b.c", plan: "pro", refferer: "a friend" });`,
    says: [/'refferer' does not exist in type/, /Did you mean to write 'referrer'\?/],
  },
  unknown_field_in_a_variable: {
    line: `const fields = { email: "a@b.c", plan: "pro", colour: "red" } as const;
signUpEvent(fields);`,
    says: [/"the schema has no such field"/, /UnknownField<"colour">/],
  },
  wrong_enum_member: {
    line: `signUpEvent({ email: "a@b.c", plan: "gold" });`,
    says: [/Type '"gold"' is not assignable to type '"free" \| "pro" \| "team"'/],
  },
  null_where_it_is_not_allowed: {
    line: `signUpEvent({ email: null, plan: "pro" });`,
    says: [/Type 'null' is not assignable to type 'string'/],
  },
  missing_field: {
    line: `signUpEvent({ email: "a@b.c" });`,
    says: [/Property 'plan' is missing in type/],
  },
  wrong_type: {
    line: `signInEvent({ email: "a@b.c", method: "password", attempts: "2" });`,
    says: [/Type 'string' is not assignable to type 'number'/],
  },
  schema_file_for_rules: {
    line: `configure({ endpoint: "", region: "", appId: "", identityPoolId: "", schema: "{}" });`,
    says: [/made by npx forebay codegen/],
  },
};

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-app-"));
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const npm = join(ROOT, "npm");
  const pack = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: npm });
  const [{ filename }] = JSON.parse(pack.stdout);
  await run("npm", ["install", "--offline", `./${filename}`], { cwd: folder });
  await run("npx", ["--no", "forebay", "init"], { cwd: folder });
  await run("npx", ["--no", "forebay", "codegen"], { cwd: folder });
  await mkdir(join(folder, "app"));
});
after(() => rm(folder, { recursive: true }));

/** What the compiler says about files of the app, by their names. */
async function compile(files: Record<string, string>, ...options: string[]): Promise<string> {
  for (const [name, code] of Object.entries(files)) {
    await writeFile(join(folder, "app", `${name}.ts`), code);
  }
  const common = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"];
  const paths = Object.keys(files).map((name) => `app/${name}.ts`);
  // The compiler of this workspace; an app has its own.
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  const words = ["--pretty", "false", ...common, ...options, ...paths];
  const { stdout } = await run(tsc, words, { cwd: folder }).catch((failed) => failed);
  return stdout;
}

for (const options of [
  ["--module", "esnext", "--moduleResolution", "bundler"],
  ["--module", "nodenext"],
  // As strict as apps may be.
  [
    ...["--module", "esnext", "--moduleResolution", "bundler", "--exactOptionalPropertyTypes"],
    ...["--noUncheckedIndexedAccess", "--noPropertyAccessFromIndexSignature"],
    ...["--verbatimModuleSyntax", "--isolatedModules", "--noUnusedLocals"],
  ],
]) {
  test(`an app compiles with ${options.join(" ")}`, async () => {
    assert.equal(await compile({ app: APP }, ...options), "");
  });
}

test("what the schema does not allow does not compile, with a message that names it", async () => {
  const files = Object.fromEntries(
    Object.entries(MISTAKES).map(([name, { line }]) => [name, `${IMPORTS}${line}\n`]),
  );
  const errors = await compile(files, "--module", "esnext", "--moduleResolution", "bundler");
  for (const [name, { says }] of Object.entries(MISTAKES)) {
    const start = errors.indexOf(`app/${name}.ts(`);
    assert.ok(start >= 0, `${name} compiles`);
    const message = errors.slice(start).split(/\n(?=app\/)/)[0];
    assert.equal(errors.split(`app/${name}.ts(`).length, 2, `one error for ${name}:\n${message}`);
    for (const said of says) assert.match(message, said);
  }
});

test("the schema's own schema is where the schema looks for it", async () => {
  const schema = JSON.parse(await readFile(join(folder, "forebay.schema.json"), "utf8"));
  const meta = JSON.parse(await readFile(join(folder, schema.$schema), "utf8"));
  assert.equal(meta.$schema, "https://json-schema.org/draft/2020-12/schema");
});

test("the functions are there for programs", async () => {
  const program = `
    import { readFileSync } from "node:fs";
    import { compile, SchemaError, tables, Validator } from "forebay/tools";
    const schema = readFileSync("forebay.schema.json", "utf8");
    const mistake = (use) => { try { use("{}"); } catch (error) { return error instanceof SchemaError; } };
    const validator = new Validator(schema);
    console.log(JSON.stringify([
      typeof compile(schema),
      tables(schema).map(({ name }) => name),
      validator.check('{"name":"SignInEvent"}').violations.length,
      mistake(compile),
      mistake((text) => new Validator(text)),
    ]));`;
  const words = ["--input-type=module", "--eval", program];
  const { stdout } = await run(process.execPath, words, { cwd: folder });
  const expected = ["string", ["sign_up_event", "sign_in_event"], 2, true, true];
  assert.deepEqual(JSON.parse(stdout), expected);
});
