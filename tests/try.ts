import { Endpoint } from "./support/endpoint.ts";
import { delivered, Site } from "./support/page.ts";

const t = Date.now();
const lap = (w: string) => console.log(w, Date.now() - t);
const site = await Site.start();
lap("start");
const e = await Endpoint.start();
const page = await site.open();
lap("open");
page.on("console", (m) => console.log("said", m.text()));
page.on("pageerror", (m) => console.log("err", m.message));
console.log(
  await page.evaluate((config) => {
    console.log("hey", 1);
    forebay.configure(config);
    return [forebay.record({ name: "A" }).id, undefined, { a: undefined, b: NaN }];
  }, e.config),
);
await delivered(page, 1);
lap("delivered");
console.log(await page.evaluate(() => new Promise((r) => setTimeout(() => r("late"), 500))));
console.log(await page.evaluate(() => document.visibilityState), e.accepted);
const csp = await site.open({ context: page.context(), csp: "script-src 'self' 'unsafe-inline'" });
lap("csp");
csp.on("console", (m) => console.log("said", m.text()));
await csp.evaluate((c) => {
  forebay.configure(c);
  forebay.record({ name: "x" });
}, e.config);
await new Promise((r) => setTimeout(r, 1500));
console.log(await csp.evaluate(() => forebay.stats()));
await csp.close();
lap("closed");
await page.click("#root").catch(String);
try {
  await page.context().setOffline(true);
  console.log("online", await page.evaluate(() => navigator.onLine));
} catch (x) {
  console.log(String(x));
}
await page.goto("about:blank");
lap("blank");
await page.context().close();
lap("ctx closed");
await site.close();
e.close();
lap("end");
