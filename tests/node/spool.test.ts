// The spool of forebay/node: what damage, a full disk, other processes and too many events do to it.

import assert from "node:assert/strict";
import { appendFile, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { crc32 } from "node:zlib";
import { type Client, type ClientOptions, createClient } from "forebay/node";
import { until } from "../support/until.ts";
import { Front, type Script } from "./support/front.ts";
import { Recorder } from "./support/recorder.ts";
import { temporaryFolder } from "./support/temporary.ts";

let front: Front;
let spool: string;
let clients: Client[];

beforeEach(async () => {
  front = await Front.start();
  spool = await temporaryFolder();
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close({ timeout: 0 })));
  front.stop();
});

const options = (): ClientOptions => ({ endpoint: front.url, key: "k", spool, flushInterval: 10 });

function client(more: Partial<ClientOptions> = {}): Client {
  const made = createClient({ ...options(), ...more });
  clients.push(made);
  return made;
}

const event = (n = 0) => ({ name: "Happened", metrics: { n } });

/** Records so many events while nothing arrives, and ends. Gives their ids. */
async function left(count: number, more: Partial<ClientOptions> = {}): Promise<string[]> {
  front.script = () => "reset";
  const sender = createClient({ ...options(), ...more });
  const receipts = await Promise.all(
    Array.from({ length: count }, (_, n) => sender.record(event(n))),
  );
  assert.ok(receipts.every(({ state }) => state !== "dropped"));
  const { queued, durable } = await sender.close({ timeout: 0 });
  assert.deepEqual([queued, durable], [count, true]);
  front.script = undefined;
  return receipts.map(({ id }) => id);
}

const segments = async () => (await readdir(spool)).filter((file) => file.endsWith(".log"));
const onlySegment = async () => join(spool, (await segments())[0]);

/** Waits until this client has nothing left to send. */
async function drained(sender: Client): Promise<void> {
  await until("all has ended", async () => {
    const { recorded, queued } = sender.stats();
    return recorded > 0 && queued === 0;
  });
}

test("what is delivered leaves nothing on disk", async () => {
  const sender = client();
  const receipt = await sender.record(event());
  assert.ok(["stored", "sent", "delivered"].includes(receipt.state));
  const text = await readFile(await onlySegment(), "utf8").catch(() => "");
  assert.ok(text === "" || text.includes(receipt.id));
  await receipt.settled;
  await until("the segment is gone", async () => (await segments()).length === 0);
  assert.equal(sender.stats().durable, true);
  await sender.close();
  assert.deepEqual(await readdir(spool), []);
});

/** Accepts the events 0 and 1, and throttles the others. */
const firstTwo: Script = ({ events }) => {
  const results = events.map(({ id, metrics }) => ({ id, status: metrics.n < 2 ? 202 : 429 }));
  return { status: 207, body: JSON.stringify({ results }) };
};

test("what was left is sent in its order, once, and not what had arrived", async () => {
  front.script = firstTwo;
  const first = createClient(options());
  const receipts = await Promise.all([0, 1, 2, 3, 4].map((n) => first.record(event(n))));
  await receipts[1].settled;
  await first.close({ timeout: 0 });
  front.seen.length = 0;
  front.script = undefined;
  await drained(client());
  assert.deepEqual(
    front.ids(),
    receipts.slice(2).map(({ id }) => id),
  );
});

const DAMAGE: [what: string, damage: (file: string) => Promise<void>, lost: number[]][] = [
  ["a cut tail", async (file) => truncate(file, (await stat(file)).size - 7), [9]],
  ["half a line behind the last", (file) => appendFile(file, '57 0badc0de {"id'), []],
  ["an empty file", (file) => truncate(file, 0), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  [
    "a byte of another value",
    (file) => changed(file, (text) => text.replace(/"n":3/, '"n":4')),
    [3],
  ],
  ["a line in the place of another", (file) => lines(file, (all) => all.splice(4, 1, "?")), [4]],
  [
    "a line of somebody else",
    (file) => lines(file, (all) => all.splice(4, 1, whole("7 null"))),
    [4],
  ],
  ["a line too few", (file) => lines(file, (all) => all.splice(4, 1)), [4]],
  ["zeros in the middle", (file) => zeros(file), [5, 6]],
  ["an end of a line too many", (file) => lines(file, (all) => all.splice(2, 0, "")), []],
];

async function changed(file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(file, "utf8");
  assert.notEqual(change(text), text);
  await writeFile(file, change(text));
}

const lines = (file: string, change: (lines: string[]) => void) =>
  changed(file, (text) => {
    const all = text.split("\n");
    change(all);
    return all.join("\n");
  });

/** A line as the spool writes it. */
const whole = (text: string) =>
  `${text.length} ${crc32(text).toString(16).padStart(8, "0")} ${text}`;

/** Over the end of a line. */
const zeros = (file: string) =>
  changed(file, (text) => {
    const all = text.split("\n");
    const end = all.slice(0, 6).join("\n").length;
    return `${text.slice(0, end - 20)}${"\0".repeat(40)}${text.slice(end + 20)}`;
  });

for (const [what, damage, lost] of DAMAGE) {
  test(`${what} costs what it hits alone`, async () => {
    const ids = await left(10);
    await damage(await onlySegment());
    const sender = client();
    const kept = ids.filter((_, n) => !lost.includes(n));
    await until("the others have arrived", () => kept.every((id) => front.ids().includes(id)));
    await sender.flush();
    assert.deepEqual(front.ids(), kept);
    await until("the folder is empty", async () => (await segments()).length === 0);
    const { recorded, delivered, dropped, queued } = sender.stats();
    assert.equal(recorded, delivered + dropped);
    assert.deepEqual([delivered, queued], [kept.length, 0]);
  });
}

test("what says which events have ended may be damaged: they are sent again under their ids", async () => {
  front.script = firstTwo;
  const first = createClient(options());
  const receipts = await Promise.all([0, 1, 2, 3].map((n) => first.record(event(n))));
  await receipts[1].settled;
  await first.close({ timeout: 0 });
  await changed(`${await onlySegment()}.ended`, (text) =>
    text.replace(/\d/, (digit) => `${9 - +digit}`),
  );
  front.seen.length = 0;
  front.script = undefined;
  await drained(client());
  assert.deepEqual(
    front.ids(),
    receipts.map(({ id }) => id),
  );
});

test("two processes may have one folder, and each sends its own", async () => {
  const other = Recorder.start({ options: options(), count: 50, pause: 1 });
  front.script = () => "reset";
  await until("it has recorded", () => other.stored.length === 50);
  const sender = client();
  await sender.record(event());
  assert.equal((await segments()).length, 2);
  front.script = undefined;
  await until("all has arrived", () => new Set(front.ids()).size === 51);
  assert.equal(sender.stats().recorded, 1);
  await other.kill();
});

test("of a process that was killed each event is taken over by one", async () => {
  front.script = () => "reset";
  const other = Recorder.start({ options: options(), count: 50, pause: 1 });
  await until("it has recorded", () => other.stored.length === 50);
  await other.kill();
  front.script = undefined;
  front.seen.length = 0;
  const all = Array.from({ length: 4 }, () => client());
  await until("all has arrived", () => front.ids().length >= 50);
  await Promise.all(all.map((sender) => sender.flush()));
  assert.deepEqual(front.ids().toSorted(), other.stored.toSorted());
  await Promise.all(all.map((sender) => sender.close()));
  assert.deepEqual(await readdir(spool), []);
});

test("a disk that is full costs nothing but that it is on disk", async () => {
  // No file of this process may have more than 4 blocks of 512 or 1,024 bytes, and it hears of it by an error.
  const shell = ["sh", "-c", 'trap "" XFSZ; ulimit -f 4; exec "$@"', "sh"];
  front.script = () => (front.seen.length < 3 ? "reset" : undefined);
  const recorder = Recorder.start({ options: options(), count: 40, close: true }, shell);
  assert.equal(await recorder.exit, 0, recorder.errors());
  assert.match(recorder.errors(), /the spool takes nothing \((EFBIG|ENOSPC)\)/);
  const { recorded, delivered } = recorder.stats();
  assert.deepEqual([recorded, delivered], [40, 40], recorder.errors());
  assert.deepEqual(await readdir(spool), []);
});

test("what the spool has no room for waits in memory, and what memory has no room for is dropped", async () => {
  front.script = () => "reset";
  const sender = client({ spoolBytes: 1_500, bufferSize: 8 });
  const receipts = await Promise.all(Array.from({ length: 20 }, (_, n) => sender.record(event(n))));
  const states = new Set(receipts.map(({ state }) => state));
  assert.ok(states.has("dropped"), [...states].join());
  const { durable, queued, dropped, recorded } = sender.stats();
  assert.deepEqual([durable, recorded, queued + dropped], [false, 20, 20]);
  front.script = undefined;
  await drained(sender);
  assert.equal(sender.stats().delivered, queued);
  assert.equal((await (await sender.record(event())).settled).state, "delivered");
});

test("memory holds a few, the disk the others, and they arrive in their order", async () => {
  front.script = () => "reset";
  const sender = client({ bufferSize: 20, flushSize: 10 });
  const receipts = [];
  for (let n = 0; n < 300; n++) receipts.push(sender.record(event(n)));
  const ids = (await Promise.all(receipts)).map(({ id }) => id);
  assert.deepEqual([sender.stats().queued, sender.stats().durable], [300, true]);
  front.script = undefined;
  const late = await sender.record(event(300));
  await drained(sender);
  assert.deepEqual(front.ids(), [...ids, late.id]);
  const last = await receipts[299];
  assert.equal(last.state, "delivered");
  assert.equal((await last.settled).state, "delivered");
});

test("more than a segment holds is left, and arrives", async () => {
  const wide = { name: "Happened", attributes: { text: "x".repeat(200) } };
  const context = { user: { id: "u", attributes: { long: "y".repeat(40_000) } } };
  front.script = () => "reset";
  const first = createClient({ ...options(), context });
  const receipts = await Promise.all(Array.from({ length: 100 }, () => first.record(wide)));
  await first.close({ timeout: 0 });
  assert.ok((await segments()).length > 2);
  front.script = undefined;
  front.seen.length = 0;
  await drained(client());
  await until("all has arrived", () => front.ids().length === 100);
  assert.deepEqual(
    front.ids(),
    receipts.map(({ id }) => id),
  );
});

test("a folder that cannot be one costs no event", async () => {
  const file = join(spool, "file");
  await writeFile(file, "");
  const sender = client({ spool: join(file, "spool") });
  const receipt = await sender.record(event());
  assert.equal((await receipt.settled).state, "delivered");
});

test("the folder is for its owner alone", async () => {
  const folder = join(spool, "new", "folder");
  front.script = () => "reset";
  const sender = client({ spool: folder });
  await sender.record(event());
  const file = (await readdir(folder)).find((name) => name.endsWith(".log")) ?? "";
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
});
