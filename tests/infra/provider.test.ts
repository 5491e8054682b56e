// Each resource and data source of infra/aws/terraform against the schemas of Terraform's AWS provider, as `terraform
// validate` would: the provider itself comes from a registry of Terraform's own. `@cdktf/provider-aws` has the schemas
// as TypeScript, and is downloaded once into the target folder.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { python, TARGET } from "../support/python.ts";
import { ROOT } from "../support/stack.ts";

const BINDINGS = "21.22.1";
const FOLDER = join(TARGET, "provider-aws", BINDINGS);
const MODULE = join(ROOT, "infra/aws/terraform");
/** What every resource may have beside its own arguments. */
const META = ["count", "depends_on", "for_each", "lifecycle", "provider"];

interface Argument {
  isRequired: boolean;
  isBlock: boolean;
  /** As TypeScript has it. */
  type: string;
}

/** The arguments of a resource, or of one of its blocks, by their names in Terraform. */
type Arguments = Map<string, Argument>;

/** The interfaces of a resource, and which of them is the resource. */
interface Schema {
  interfaces: Map<string, Arguments>;
  root: string;
}

// biome-ignore lint/suspicious/noExplicitAny: a file of Terraform.
type Body = Record<string, any>;

interface Declared {
  /** As `aws_sqs_queue.dead_letters`. */
  name: string;
  /** The folder of its bindings. */
  bindings: string;
  body: Body;
}

const run = promisify(execFile);
let archive: string;

before(async () => {
  archive = join(FOLDER, `cdktf-provider-aws-${BINDINGS}.tgz`);
  if (existsSync(archive)) return;
  await mkdir(FOLDER, { recursive: true });
  await run("npm", ["pack", "--silent", `@cdktf/provider-aws@${BINDINGS}`], { cwd: FOLDER });
});

async function schemas(bindings: string[]): Promise<Map<string, Schema>> {
  const files = bindings.map((name) => `package/lib/${name}/index.d.ts`);
  await run("tar", ["-xzf", archive, ...files], { cwd: FOLDER });
  const read = files.map(async (file, at): Promise<[string, Schema]> => {
    return [bindings[at], schema(await readFile(join(FOLDER, file), "utf8"))];
  });
  return new Map(await Promise.all(read));
}

function schema(text: string): Schema {
  const interfaces = new Map<string, Arguments>();
  let root = "";
  for (const [, name, base, body] of text.matchAll(
    /^export interface (\w+)( extends cdktf\.TerraformMetaArguments)? \{$(.*?)^\}$/gms,
  )) {
    if (base) root = name;
    const members = body.matchAll(
      /\/\*\*((?:(?!\*\/).)*)\*\/\s*readonly \w+(\??): (\{.*?\}|[^;]+);/gs,
    );
    const known: Arguments = new Map();
    for (const [, comment, optional, type] of members) {
      const argument = comment.match(/#(\w+) \w+#/)?.[1];
      assert.ok(argument, comment);
      const isBlock = new RegExp(`^ *\\* ${argument} block$`, "m").test(comment);
      known.set(argument, { isRequired: optional === "", isBlock, type });
    }
    interfaces.set(name, known);
  }
  assert.ok(root);
  return { interfaces, root };
}

async function declared(): Promise<Declared[]> {
  const found: Declared[] = [];
  for (const file of (await readdir(MODULE)).filter((name) => name.endsWith(".tf"))) {
    const text = await readFile(join(MODULE, file), "utf8");
    const read = JSON.parse(await python("schema/ddl_terraform.py", ["blocks"], text));
    for (const kind of ["resource", "data"]) {
      for (const block of read[kind] ?? []) {
        for (const [type, named] of Object.entries<Body>(block)) {
          if (!type.startsWith("aws_")) continue;
          const folder = kind === "data" ? `data_${type}` : type.replace("aws_", "");
          const bindings = folder.replaceAll("_", "-");
          for (const [name, body] of Object.entries<Body>(named)) {
            found.push({ name: `${type}.${name}`, bindings, body });
          }
        }
      }
    }
  }
  return found;
}

/** What is wrong with the arguments of a resource, or of a block. */
function problems(
  at: string,
  body: Body,
  interfaces: Schema["interfaces"],
  name: string,
): string[] {
  const known = interfaces.get(name) ?? new Map<string, Argument>();
  const given = Object.entries(body).filter(([name]) => !/^(__|dynamic$)/.test(name));
  const blocks = (body.dynamic ?? []).flatMap((block: Body) => Object.entries<Body>(block));
  const all: [string, unknown][] = [
    ...given,
    ...blocks.map(([name, { content }]: [string, Body]): [string, unknown] => [name, content]),
  ];
  const wrong = [...known]
    .filter(([name, { isRequired }]) => isRequired && !all.some(([given]) => given === name))
    .map(([name]) => `${at}: ${name} is missing`);
  for (const [argument, value] of all) {
    const path = `${at}.${argument}`;
    const expected = known.get(argument);
    if (!expected) {
      wrong.push(`${path} is not known`);
      continue;
    }
    const isBlock = Array.isArray(value) && value.some((entry) => entry?.__is_block__);
    if (isBlock !== expected.isBlock) {
      wrong.push(`${path} is ${expected.isBlock ? "a block" : "no block"}`);
    } else if (isBlock) {
      const inner = expected.type.match(/^\w+/)?.[0] ?? "";
      if (value.length > 1 && !expected.type.includes("[]")) wrong.push(`${path} is there twice`);
      for (const entry of value) wrong.push(...problems(path, entry, interfaces, inner));
    } else if (!isOf(value, expected.type)) {
      wrong.push(`${path} is no ${expected.type}`);
    }
  }
  return wrong;
}

/** Whether a value may be of a type. Of an expression nobody knows before it is evaluated. */
function isOf(value: unknown, type: string): boolean {
  if (typeof value === "string" && value.includes("${")) return true;
  if (Array.isArray(value)) return type.includes("[]");
  if (value !== null && typeof value === "object")
    return type.startsWith("{") || /^[A-Z]/.test(type);
  // Terraform converts literals.
  const isText = typeof value === "string" && Number.isNaN(Number(value));
  return isText ? /^string(?!\[)/.test(type) : !/\[\]|^\{/.test(type);
}

test("the provider of AWS knows every resource, block and argument of the Terraform module", async () => {
  const found = await declared();
  assert.ok(found.length > 50, `${found.length}`);
  const known = await schemas([...new Set(found.map(({ bindings }) => bindings))]);
  const wrong = found.flatMap(({ name, bindings, body }) => {
    const schema = known.get(bindings);
    assert.ok(schema, bindings);
    const own = Object.entries(body).filter(([argument]) => !META.includes(argument));
    return problems(name, Object.fromEntries(own), schema.interfaces, schema.root);
  });
  assert.deepEqual(wrong, []);
});
