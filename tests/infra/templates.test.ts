// What infra/aws has: whether CloudFormation and Terraform would take it, whether the two say the same, and whether the
// tables are those that the functions write.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { LambdaFunction } from "../lambda/support/function.ts";
import { recordData } from "../lambda/support/records.ts";
import { Bucket } from "../support/bucket.ts";
import { python } from "../support/python.ts";
import { ROOT } from "../support/stack.ts";

const INFRA = join(ROOT, "infra/aws");
const DELIVERIES = ["lambda", "firehose-iceberg", "firehose-parquet"];

interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: as many forms as kinds of resources.
  Properties: any;
}

let folder: string;
let bucket: Bucket;
let template: { Resources: Record<string, Resource> };

/** What tables.mjs makes in a folder with a schema. */
async function tables(
  delivery: string,
  format: string,
  cwd = join(ROOT, "demo-react"),
): Promise<string> {
  const run = promisify(execFile);
  const words = [join(INFRA, "tables.mjs"), delivery, format];
  return (await run(process.execPath, words, { cwd })).stdout;
}

async function lint(text: string) {
  return JSON.parse(await python("schema/ddl_cloudformation.py", [], text));
}

before(async () => {
  bucket = await Bucket.start("lakes");
  folder = await mkdtemp(join(tmpdir(), "forebay-infra-"));
  const text = await readFile(join(INFRA, "template.yaml"), "utf8");
  const { matches, template: read } = await lint(text);
  // Files beside the template are what `aws cloudformation package` is for.
  const found = matches.filter((match: string) => !match.includes("'package' cli command"));
  assert.deepEqual(found, []);
  template = read;
  await mkdir(join(folder, "terraform"));
  await cp(join(INFRA, "template.yaml"), join(folder, "template.yaml"));
  await cp(join(INFRA, "terraform"), join(folder, "terraform"), { recursive: true });
  for (const delivery of DELIVERIES) {
    const path = join(folder, `${delivery}.json`);
    await writeFile(path, await tables(delivery, "cloudformation"));
    await mkdir(join(folder, delivery));
    const personal = await tables(delivery, "lake-formation");
    await writeFile(join(folder, `${delivery}-personal.json`), personal);
    const terraform = await tables(delivery, "terraform");
    await writeFile(join(folder, delivery, "tables.tf.json"), terraform);
  }
});

after(async () => {
  bucket.close();
  await rm(folder, { recursive: true });
});

test("cfn-lint takes the tables of each delivery", async () => {
  for (const delivery of DELIVERIES) {
    const { matches } = await lint(await readFile(join(folder, `${delivery}.json`), "utf8"));
    assert.deepEqual(matches, [], delivery);
  }
});

test("the role of an analyst reads every column but those of personal data", async () => {
  const marked = join(folder, "marked");
  await mkdir(marked);
  const everything = join(ROOT, "tests/schema/everything.schema.json");
  await cp(everything, join(marked, "forebay.schema.json"));
  for (const delivery of DELIVERIES) {
    const { matches, template } = await lint(await tables(delivery, "lake-formation", marked));
    assert.deepEqual(matches, [], delivery);
    const resources: Resource[] = Object.values(template.Resources);
    const tagged = resources.filter(({ Type }) => Type === "AWS::LakeFormation::TagAssociation");
    const columns = tagged.flatMap(({ Properties: { Resource, LFTags } }) => {
      const { Name, ColumnNames } = Resource.TableWithColumns ?? {};
      const [{ TagValues }] = LFTags;
      return Name ? [[Name, { columns: ColumnNames, TagValues }]] : [];
    });
    const found = Object.fromEntries(columns);
    const { columns: personal, TagValues } = found.personal_data_event;
    assert.deepEqual(personal.slice(0, 3), ["client_id", "cognito_id", "user_id"]);
    assert.ok(personal.includes("hashed_date"), personal.join());
    assert.ok(personal.includes("masked_date_time"), personal.join());
    assert.deepEqual(TagValues, ["yes"]);
    assert.ok(found.endpoint_update.columns.includes("address"));
    const grants = resources.filter(({ Type }) => Type.endsWith("::PrincipalPermissions"));
    for (const { Properties } of grants) {
      const [{ TagValues }] = Properties.Resource.LFTagPolicy.Expression;
      assert.deepEqual(TagValues, ["no"]);
      assert.ok(!Properties.Permissions.includes("ALL"));
    }
    assert.equal(grants.length, 2);
  }
});

test("checkov finds nothing but the exceptions that are explained", async () => {
  const said = await python("infra/checkov_folder.py", [folder], "", "python-infra");
  // Its log may stand before.
  const { failed, passed } = JSON.parse(said.slice(said.lastIndexOf('{"failed"')));
  assert.deepEqual(failed, []);
  assert.ok(passed > 200, `${passed} checks`);
});

// biome-ignore lint/suspicious/noExplicitAny: a file of Terraform.
type Terraform = any;

async function terraformFiles(): Promise<[string, string, Terraform][]> {
  const names = (await readdir(join(INFRA, "terraform"))).filter((name) => name.endsWith(".tf"));
  return Promise.all(
    names.map(async (name): Promise<[string, string, Terraform]> => {
      const text = await readFile(join(INFRA, "terraform", name), "utf8");
      return [name, text, JSON.parse(await python("schema/ddl_terraform.py", [], text))];
    }),
  );
}

test("Terraform's files are read, and name nothing that is not there", async () => {
  const declared = new Set<string>();
  const files = await terraformFiles();
  const known = JSON.parse(await readFile(join(folder, "lambda/tables.tf.json"), "utf8"));
  for (const file of [...files.map(([, , read]) => read), known]) {
    const blocks = (name: string): Terraform[] => [file[name] ?? []].flat();
    for (const [kind, prefix] of [
      ["resource", ""],
      ["data", "data."],
    ]) {
      for (const block of blocks(kind)) {
        for (const [type, named] of Object.entries(block as Record<string, object>)) {
          for (const name of Object.keys(named)) declared.add(`${prefix}${type}.${name}`);
        }
      }
    }
    for (const block of blocks("variable")) {
      for (const name of Object.keys(block)) declared.add(`var.${name}`);
    }
    for (const block of blocks("locals")) {
      for (const name of Object.keys(block)) declared.add(`local.${name}`);
    }
  }
  assert.ok(declared.size > 60, [...declared].join());
  for (const [name, text] of files) {
    const references = text
      .replace(/^\s*#.*$/gm, "")
      .matchAll(/(?<![\w."])((?:data\.)?(?:aws_\w+|terraform_data)\.\w+|(?:var|local)\.\w+)/g);
    for (const [, reference] of references) {
      assert.ok(declared.has(reference), `${name}: ${reference} is not declared`);
    }
  }
});

test("CloudFormation and Terraform allow the same", async () => {
  const actions = new Set<string>();
  const visit = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (value && typeof value === "object") {
      for (const [name, inner] of Object.entries(value)) {
        if (name === "Action" && (value as { Effect?: string }).Effect === "Allow") {
          for (const action of [inner].flat()) if (typeof action === "string") actions.add(action);
        } else visit(inner);
      }
    }
  };
  visit(template.Resources);
  const terraform = new Set<string>();
  for (const [, text] of await terraformFiles()) {
    const found = text.matchAll(
      /"((?:events|glue|kinesis|kms|lambda|logs|mobiletargeting|s3|sqs|sts):[A-Z*]\w*\*?)"/g,
    );
    for (const [, action] of found) terraform.add(action);
  }
  // What a bucket's policy denies, and the name of a condition.
  for (const other of ["s3:*", "sts:ExternalId"]) terraform.delete(other);
  actions.add("kms:*");
  terraform.add("kms:*");
  assert.deepEqual([...terraform].sort(), [...actions].sort());
  // Nothing is allowed on everything, but for the key's own policy.
  for (const [name, { Type, Properties }] of Object.entries(template.Resources)) {
    if (Type === "AWS::KMS::Key") continue;
    assert.ok(!JSON.stringify(Properties).includes('"Resource":"*"'), name);
  }
});

const functions = () =>
  Object.values(template.Resources).filter(({ Type }) => Type === "AWS::Lambda::Function");

test("each function and each event source has an alarm", () => {
  const named = (Type: string) =>
    Object.keys(template.Resources).filter((name) => template.Resources[name].Type === Type);
  const watched = (metric: string) =>
    named("AWS::CloudWatch::Alarm")
      .map((name) => template.Resources[name].Properties)
      .filter(({ MetricName }) => MetricName === metric)
      .map(({ Dimensions: [{ Value }] }) => Value.Ref);
  assert.deepEqual(watched("Errors").sort(), named("AWS::Lambda::Function").sort());
  const sources = named("AWS::Lambda::EventSourceMapping").sort();
  assert.deepEqual(watched("OnFailureDestinationDeliveredEventCount").sort(), sources);
  for (const name of sources) {
    // Else Lambda does not count.
    const { MetricsConfig } = template.Resources[name].Properties;
    assert.deepEqual(MetricsConfig, { Metrics: ["EventCount"] }, name);
  }
});

test("the program knows the Handlers and the variables of the template", async () => {
  const handlers = functions().map(({ Properties }) => Properties.Handler);
  assert.deepEqual(handlers.sort(), ["compact", "enrichment", "stream", "transform"]);
  for (const { Properties } of functions()) {
    const variables = Object.entries(Properties.Environment?.Variables ?? {}).map(
      ([name, value]): [string, string] => {
        if (name === "FOREBAY_LAKE") return [name, "s3://lakes/lake"];
        if (name === "FOREBAY_DESTINATION") return [name, "parquet"];
        assert.ok(value, name);
        return [name, "forebay"];
      },
    );
    variables.push(["AWS_ENDPOINT_URL_S3", bucket.url]);
    const lambda = new LambdaFunction(Properties.Handler, Object.fromEntries(variables));
    // An event without records, and what is answered to it.
    const [event, expected] = {
      stream: [{ Records: [] }, { batchItemFailures: [] }],
      transform: [{ records: [] }, { records: [] }],
      enrichment: [[], []],
      compact: [{}, null],
    }[Properties.Handler as "stream" | "transform" | "enrichment" | "compact"];
    assert.deepEqual(await lambda.invoke(event), expected);
    lambda.kill();
  }
});

test("rows for Iceberg have the columns of their table, and those for Parquet are in the table of all", async () => {
  const iceberg = JSON.parse(await readFile(join(folder, "firehose-iceberg.json"), "utf8"));
  const parquet = JSON.parse(await readFile(join(folder, "firehose-parquet.json"), "utf8"));
  const columnsOf = (stack: typeof template, name: string): string[] => {
    const found = Object.values(stack.Resources).find(
      ({ Properties }) => Properties.TableInput?.Name === name,
    );
    const columns: { Name: string }[] = found?.Properties.TableInput.StorageDescriptor.Columns;
    return columns.map(({ Name }) => Name).sort();
  };
  const lambda = new LambdaFunction("transform", {
    FOREBAY_DESTINATION: "iceberg",
    FOREBAY_DATABASE: "forebay",
  });
  const records = [0, 1].map((number) => ({
    recordId: String(number),
    approximateArrivalTimestamp: Date.parse("2026-11-24T00:00:00Z"),
    data: Buffer.from(recordData(number)).toString("base64"),
  }));
  const answer = (await lambda.invoke({ records })) as {
    records: { data: string; metadata: { otfMetadata: { destinationTableName: string } } }[];
  };
  lambda.kill();
  const all = columnsOf(parquet, "forebay__rows");
  assert.equal(new Set(all).size, all.length);
  for (const { data, metadata } of answer.records) {
    const row = Object.keys(JSON.parse(Buffer.from(data, "base64").toString())).sort();
    assert.deepEqual(row, columnsOf(iceberg, metadata.otfMetadata.destinationTableName));
    assert.ok(row.every((column) => all.includes(column)));
  }
});

test("a schema whose columns Firehose cannot write by one table is refused", async () => {
  const path = join(folder, "conflict");
  await mkdir(path);
  const event = (type: string) => ({ type: "object", properties: { size: { type } } });
  const schema = { $defs: { AEvent: event("string"), BEvent: event("number") } };
  await writeFile(join(path, "forebay.schema.json"), JSON.stringify(schema));
  const run = promisify(execFile);
  const words = [join(INFRA, "tables.mjs"), "firehose-parquet"];
  await assert.rejects(run(process.execPath, words, { cwd: path }), /size is string in one table/);
});
