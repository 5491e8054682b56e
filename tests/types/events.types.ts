// What compiles with generated code, and what does not. Nothing here is run: the compiler is the test,
// and complains where an error that is expected does not come.

import { expectTypeOf } from "expect-type";
import { type AnalyticsEvent, type CompiledSchema, configure, type Receipt, record } from "forebay";
import type { useRecord } from "forebay/react";
import {
  errorEvent,
  type ForebayEvent,
  pageViewEvent,
  type SignUpEvent,
  type SignUpEventFields,
  schema,
  scoreEvent,
  sessionStart,
  signUpEvent,
} from "./forebay.gen.ts";

const email = "ada@example.com";

export function whatFits(fields: SignUpEventFields, recordInReact: ReturnType<typeof useRecord>) {
  signUpEvent({ email, plan: "pro" });
  signUpEvent({
    email,
    plan: "free",
    referrer: null,
    seats: 3,
    rating: 2,
    terms: true,
    is_test_user: false,
    born: "1815-12-10",
    confirmed_at: new Date(),
  });
  // As they come out of a form or another function.
  const given = { email, plan: "team" } as const;
  signUpEvent(given);
  signUpEvent(fields);
  signUpEvent({ ...fields, referrer: undefined });
  const { seats, ...rest } = fields;
  signUpEvent(rest);
  expectTypeOf(seats).toEqualTypeOf<number | undefined>();

  sessionStart();
  pageViewEvent();
  pageViewEvent({ path: "/" });
  errorEvent({ message: "oh", where: "checkout", count: 3 });
  scoreEvent({ score: null, level: null });
  scoreEvent({ score: 1.5, level: "low" });

  expectTypeOf(record(signUpEvent(given))).toEqualTypeOf<Receipt>();
  record({ ...signUpEvent(given), immediate: true });
  recordInReact(signUpEvent(given));
  record(sessionStart());
  record(pageViewEvent());
  record(errorEvent({ message: "oh" }));
  record(scoreEvent({ score: 1, level: "high" }));
}

export function whatDoesNotFit(text: string, maybe: string | null) {
  // An unknown field, in a literal.
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", colour: "red" });
  // The same in a variable, where TypeScript alone does not look.
  const coloured = { email, plan: "pro", colour: "red" } as const;
  // @ts-expect-error
  signUpEvent(coloured);
  // The same in one of two.
  // @ts-expect-error
  signUpEvent(text ? coloured : { email, plan: "pro" as const });
  // @ts-expect-error
  pageViewEvent({ path: "/", referrer: "x" });
  // @ts-expect-error
  pageViewEvent(coloured);
  // @ts-expect-error
  sessionStart({ path: "/" });

  // A member that the enum does not have.
  // @ts-expect-error
  signUpEvent({ email, plan: "gold" });
  // @ts-expect-error
  signUpEvent({ email, plan: text });
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", rating: 4 });
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", terms: false });

  // Null where it is not allowed.
  // @ts-expect-error
  signUpEvent({ email: null, plan: "pro" });
  // @ts-expect-error
  signUpEvent({ email: maybe, plan: "pro" });
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", seats: null });

  // A missing field.
  // @ts-expect-error
  signUpEvent({ email });
  // @ts-expect-error
  signUpEvent({});
  // @ts-expect-error
  signUpEvent();
  // @ts-expect-error
  scoreEvent({ score: 1 });

  // The wrong type.
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", seats: "3" });
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", is_test_user: "true" });
  // @ts-expect-error
  signUpEvent({ email, plan: "pro", referrer: new Date() });
  // @ts-expect-error
  errorEvent({ message: "oh", where: {} });
}

export function whatAnEventIs(event: ForebayEvent) {
  expectTypeOf(signUpEvent({ email, plan: "pro" })).toEqualTypeOf<SignUpEvent>();
  expectTypeOf<ForebayEvent>().toExtend<AnalyticsEvent>();
  expectTypeOf<ForebayEvent["name"]>().toEqualTypeOf<
    "SignUpEvent" | "_session.start" | "PageViewEvent" | "ErrorEvent" | "ScoreEvent"
  >();

  // The name tells which event it is.
  if (event.name === "SignUpEvent") {
    expectTypeOf(event).toEqualTypeOf<SignUpEvent>();
    expectTypeOf(event.attributes.plan).toEqualTypeOf<"free" | "pro" | "team">();
    expectTypeOf(event.attributes.referrer).toEqualTypeOf<string | undefined>();
    expectTypeOf(event.attributes.is_test_user).toEqualTypeOf<"true" | "false" | undefined>();
    expectTypeOf(event.metrics.seats).toEqualTypeOf<number | undefined>();
    expectTypeOf(event.metrics.rating).toEqualTypeOf<1 | 2 | 3 | undefined>();
  }
  // @ts-expect-error
  event.attributes.plan;
}

/** What was written by hand, and for Amplify, goes on compiling. */
export function whatIsMadeByHand(attributes: Record<string, string>, configuration: Configuration) {
  record({ name: "SignUpEvent" });
  record({ name: "SignUpEvent", attributes: { email }, metrics: { seats: 3 }, immediate: true });
  record({ name: "SignUpEvent", attributes, metrics: {} });
  const event: AnalyticsEvent = { name: "Anything", attributes: { a: "b", c: undefined } };
  record(event);
  // @ts-expect-error
  record({ attributes });
  // @ts-expect-error
  record({ name: "SignUpEvent", attributes: { seats: 3 } });
  // @ts-expect-error
  record({ name: "SignUpEvent", metrics: { email } });

  expectTypeOf(schema).toEqualTypeOf<CompiledSchema>();
  configure({ ...configuration, schema });
  configure({
    endpoint: configuration.endpoint,
    Auth: { Cognito: { identityPoolId: "" } },
    Analytics: { Pinpoint: { appId: "", region: "" } },
    schema,
  });
  // Not the schema file, and not any text.
  // @ts-expect-error
  configure({ ...configuration, schema: { $defs: {} } });
  // @ts-expect-error
  configure({ ...configuration, schema: "rules" });
}

interface Configuration {
  endpoint: string;
  appId: string;
  region: string;
  identityPoolId: string;
}
